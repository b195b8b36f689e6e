#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# For scripts that use what scripts/fetch gets.

# versions PATH...: one line with the packages that these inputs of scripts/fetch are: the archive
# moves on, and what a run finds is about these.
versions() {
	local path
	printf 'versions:'
	for path; do
		[[ -d $path ]] || path=${path%/*}
		printf ' %s' "$(<"$path/.fetched")"
	done
	echo
}
