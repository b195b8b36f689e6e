#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Like the kernel's gen-btf.sh. Usage: gen-btf.sh --btf_base BASE MODULE
set -e

BTF_BASE=$2
ELF_FILE=$3

gen_btf_data()
{
	${PAHOLE} -J ${PAHOLE_FLAGS} --btf_base ${BTF_BASE} --btf_encode_detached=${ELF_FILE}.BTF.1 ${ELF_FILE}
	${RESOLVE_BTFIDS} --btf_base ${BTF_BASE} --btf ${ELF_FILE}.BTF.1 ${ELF_FILE}
}

embed_btf_data()
{
	${OBJCOPY} --add-section .BTF=${ELF_FILE}.BTF ${ELF_FILE}
	if [ -f ${ELF_FILE}.BTF.base ]; then
		${OBJCOPY} --add-section .BTF.base=${ELF_FILE}.BTF.base ${ELF_FILE}
	fi
	if [ -f ${ELF_FILE}.BTF_ids ]; then
		${RESOLVE_BTFIDS} --patch_btfids ${ELF_FILE}.BTF_ids ${ELF_FILE}
	fi
}

cleanup()
{
	rm -f "${ELF_FILE}.BTF.1"
	rm -f "${ELF_FILE}.BTF"
	rm -f "${ELF_FILE}.BTF.base"
	rm -f "${ELF_FILE}.BTF_ids"
}
trap cleanup EXIT

gen_btf_data
embed_btf_data
