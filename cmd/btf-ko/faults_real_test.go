// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

func init() { firstCalls = 8 }
