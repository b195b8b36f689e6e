#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Functions for scripts that check something or use inputs of scripts/fetch.
# shellcheck disable=SC2034 # variables are for the script that sources this

# The directory for inputs of scripts/fetch, and for files that scripts reuse in the next run.
readonly cache=${KBTF_CACHE:-$HOME/.cache/kbtf}

failed=0

# check WHAT COMMAND...: runs an assertion and prints its outcome. .ci/run counts these lines.
# A failure does not end the run.
check() {
	local what=$1 output
	shift
	if output=$("$@" 2>&1); then
		echo "ok    $what"
	else
		echo "FAIL  $what"
		tail -n 20 <<<"$output"
		failed=$((failed + 1))
	fi
}

# stage WHAT: prints the next step, and the time so far.
stage() { echo "--    $* (after $SECONDS s)"; }

# verdict: prints the number of failures, and fails if there is one.
verdict() {
	stage "end"
	echo "$failed failed"
	[[ $failed -eq 0 ]]
}

# has FILE TEXT, lacks FILE TEXT: assertions for check.
has() { grep -qF -- "$2" "$1" || { echo "$1 has no line with: $2"; return 1; }; }
lacks() { ! grep -F -- "$2" "$1"; }

# versions PATH...: prints the packages of inputs of scripts/fetch, in one line. Results depend on
# them.
versions() {
	local path
	printf 'versions:'
	for path; do
		[[ -d $path ]] || path=${path%/*}
		printf ' %s' "$(<"$path/.fetched")"
	done
	echo
}

# debug_kernel NAME: fetches a kernel with DWARF, and sets image to its directory, vmlinux to its
# vmlinux, and modules to the directory of its modules.
debug_kernel() {
	image=$(scripts/fetch "$1") || return
	# boot/vmlinux-VERSION; in 7.2 lib/modules/VERSION/vmlinux
	vmlinux=$(find "$image/usr/lib/debug" -maxdepth 4 -type f -name "vmlinux*")
	modules=$(echo "$image"/usr/lib/debug/lib/modules/*/kernel)
}

# clean_environment: unsets variables that change the result of a kernel's make.
clean_environment() { unset KBUILD_OUTPUT MAKEFLAGS MAKELEVEL CROSS_COMPILE ARCH; }
