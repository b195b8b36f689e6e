// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"fmt"
	"strings"

	"github.com/kbtf/kbtf/internal/btffile"
)

// A Verifier verifies files for one kernel, against one base. It can be used from several
// goroutines.
type Verifier struct {
	base    *BTF          // nil if there is none
	file    *btffile.File // of base
	kernel  *Kernel
	running *Running // nil if the table of kernels decides
}

// RunningKernel is the version that stands for the running kernel.
const RunningKernel = "running"

// NewVerifier returns the verifier for a version of KernelOf, or for RunningKernel. basePath is the
// base that the files are split against, "" if they stand alone.
func NewVerifier(basePath, version string) (*Verifier, error) {
	v := &Verifier{}
	var err error
	if version == RunningKernel {
		if v.running, err = AskRunning(); err != nil {
			return nil, err
		}
		version = "" // the newest, which accepts the most
	}
	if v.kernel, err = KernelOf(version); err != nil || basePath == "" {
		return v, err
	}
	file, err := btffile.OpenBase(basePath) // stays mapped
	if err != nil {
		return nil, err
	}
	base, problems := Verify(file.BTF, nil, v.kernel)
	if len(problems) > 0 {
		return nil, fmt.Errorf("base %s: %v", basePath, problems[0])
	}
	v.base, v.file = base, file
	return v, nil
}

// File returns what is wrong with a file. BTF that has a .BTF.base is verified against that.
func (v *Verifier) File(path string) []string {
	file, err := btffile.Open(path)
	if err != nil {
		return []string{strings.TrimPrefix(err.Error(), path+": ")}
	}
	defer file.Close()
	base, section := v.base, ""
	if v.file != nil {
		if err := file.CheckBase(v.file); err != nil {
			return []string{strings.TrimPrefix(err.Error(), path+": ")}
		}
	}
	if btffile.CarriesBase(path) {
		base = nil
	}
	if file.Base != nil {
		var problems []Problem
		if base, problems = VerifyDistilled(file.Base, v.base, v.kernel); len(problems) > 0 {
			return lines(".BTF.base: ", problems)
		}
		section = ".BTF: "
	}
	own, problems := Verify(file.BTF, base, v.kernel)
	if len(problems) == 0 && v.running != nil {
		problems = v.running.Verify(own)
	}
	if len(problems) > 0 {
		return lines(section, problems)
	}
	return own.idsProblems(file.Image)
}

// lines returns problems as lines; the section is named where there are two.
func lines(section string, problems []Problem) []string {
	list := make([]string, len(problems))
	for i, p := range problems {
		list[i] = section + p.String()
	}
	return list
}
