// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package elftest

func init() {
	x86 := clang("x86_64-linux-gnu", 64)
	Native = append(Native, x86)
	Targets = append(Targets,
		x86,                                  // RELA
		clang("aarch64-linux-gnu", 64),       //
		clang("powerpc64le-linux-gnu", 64),   //
		clang("riscv64-linux-gnu", 64),       // relocations that add and subtract
		clang("mips64el-linux-gnuabi64", 64), // different r_info
		withoutLD(clang("s390x-linux-gnu", 64)),
		clang("i386-linux-gnu", 32),      // REL
		clang("arm-linux-gnueabihf", 32), //
		clang("powerpc-linux-gnu", 32),   // big endian, RELA
		clang("mips-linux-gnu", 32),      // big endian, REL
	)
}

func clang(triple string, bits int) Target {
	return Target{"clang " + triple, "clang", []string{"--target=" + triple}, []string{"ld.lld"},
		"llvm-objcopy", bits}
}

// withoutLD removes the linker: the oldest supported ld.lld cannot link for this machine.
func withoutLD(t Target) Target {
	t.LD = nil
	return t
}
