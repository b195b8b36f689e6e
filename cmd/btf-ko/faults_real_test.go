// SPDX-License-Identifier: GPL-2.0-only

//go:build real

package main

func init() { firstCalls = 8 }
