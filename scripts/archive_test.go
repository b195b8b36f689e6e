// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package scripts

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A deb is a package of an archive. Its files are executable.
type deb struct {
	name, version, arch string
	depends             string
	files               map[string]string
}

func (d deb) file() string { return fmt.Sprintf("%s_%s_%s.deb", d.name, d.version, d.arch) }

// An archive is a Debian archive in a folder, signed with its own key.
type archive struct {
	dir     string
	keyring string
	key     signingKey
}

func newArchive(t *testing.T, dir string) *archive {
	t.Helper()
	keys := t.TempDir()
	if strings.Contains(keys, " ") { // apt accepts no such path
		var err error
		keys, err = os.MkdirTemp("/tmp", "kbtf")
		check(t, err)
		t.Cleanup(func() { os.RemoveAll(keys) })
	}
	a := &archive{dir: dir, keyring: filepath.Join(keys, "archive.gpg"), key: newSigningKey(t)}
	write(t, a.keyring, a.key.public())
	return a
}

// uri returns the archive's address. apt reads file: in place; copy: copies, as from a remote mirror.
func (a *archive) uri() string { return "copy:" + strings.ReplaceAll(a.dir, " ", "%20") }

// pool returns the path of a package's file.
func (a *archive) pool(d deb) string { return filepath.Join(a.dir, "pool", d.file()) }

// architectures are those of the archive.
var architectures = []string{"amd64", "armhf", "ppc64el", "s390x"}

// publish replaces the content of the archive with packages in bookworm and trixie.
func (a *archive) publish(t *testing.T, debs ...deb) {
	t.Helper()
	check(t, os.RemoveAll(a.dir))
	index := make(map[string]*bytes.Buffer)
	for _, arch := range architectures {
		index[arch] = new(bytes.Buffer)
	}
	for _, d := range debs {
		control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\n"+
			"Maintainer: Test <test@localhost>\nDescription: test\n", d.name, d.version, d.arch)
		if d.depends != "" {
			control += "Depends: " + d.depends + "\n"
		}
		data := d.build(t, control)
		write(t, a.pool(d), data)
		for arch, packages := range index {
			if d.arch == arch || d.arch == "all" {
				fmt.Fprintf(packages, "%sFilename: pool/%s\nSize: %d\nSHA256: %x\n\n",
					control, d.file(), len(data), sha256.Sum256(data))
			}
		}
	}
	for _, suite := range []string{"bookworm", "bookworm-updates", "trixie"} {
		files := map[string][]byte{"main/source/Sources": nil}
		for arch, packages := range index {
			files["main/binary-"+arch+"/Packages"] = packages.Bytes()
			if strings.HasSuffix(suite, "-updates") {
				files["main/binary-"+arch+"/Packages"] = nil
			}
		}
		a.release(t, suite, files)
	}
}

// release writes a suite's index files and its InRelease.
func (a *archive) release(t *testing.T, suite string, files map[string][]byte) {
	t.Helper()
	text := fmt.Sprintf("Origin: Test\nSuite: %s\nCodename: %[1]s\nDate: %s\n"+
		"Architectures: %s\nComponents: main\nSHA256:\n",
		suite, time.Now().UTC().Format(time.RFC1123), strings.Join(architectures, " "))
	dir := filepath.Join(a.dir, "dists", suite)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		var compressed bytes.Buffer
		w := gzip.NewWriter(&compressed)
		w.Write(files[name])
		check(t, w.Close())
		write(t, filepath.Join(dir, name+".gz"), compressed.Bytes())
		text += fmt.Sprintf(" %x %d %s\n", sha256.Sum256(files[name]), len(files[name]), name)
		sum := sha256.Sum256(compressed.Bytes())
		text += fmt.Sprintf(" %x %d %s.gz\n", sum, compressed.Len(), name)
	}
	write(t, filepath.Join(dir, "InRelease"), a.key.clearsign(text))
}

// build returns the package's file.
func (d deb) build(t *testing.T, control string) []byte {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "root/DEBIAN/control"), []byte(control))
	sums := ""
	for name, content := range d.files {
		path := filepath.Join(dir, "root", name)
		write(t, path, []byte(content))
		check(t, os.Chmod(path, 0o755))
		sums += fmt.Sprintf("%x  %s\n", md5.Sum([]byte(content)), name)
	}
	write(t, filepath.Join(dir, "root/DEBIAN/md5sums"), []byte(sums))
	file := filepath.Join(dir, "deb")
	cmd := exec.Command("dpkg-deb", "--root-owner-group", "-Zgzip", "-b", filepath.Join(dir, "root"), file)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, out)
	}
	data, err := os.ReadFile(file)
	check(t, err)
	return data
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, data, 0o644))
}

func check(t *testing.T, err error) {
	if err != nil {
		t.Helper()
		t.Fatal(err)
	}
}

// A signingKey is an Ed25519 key with OpenPGP signatures (RFC 4880, and RFC 9580 for EdDSALegacy).
// Machines with apt can verify signatures, with gpgv or sqv, but not all can sign.
type signingKey struct {
	ed25519.PrivateKey
	created time.Time
}

func newSigningKey(t *testing.T) signingKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	check(t, err)
	return signingKey{private, time.Now().Add(-time.Hour)}
}

// OpenPGP's numbers: packet tags, signature types and algorithms.
const (
	tagSignature, tagPublicKey, tagUserID = 2, 6, 13
	sigText, sigCertification             = 0x01, 0x13
	eddsaLegacy, hashSHA512               = 22, 10
)

// packet returns a packet in the new format.
func packet(tag byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 0xff}, uint32(len(body))), body...)
}

// mpi returns a number with its length in bits.
func mpi(b []byte) []byte {
	b = bytes.TrimLeft(b, "\x00")
	bits := 0
	if len(b) > 0 {
		bits = len(b) * 8
		for mask := byte(0x80); b[0]&mask == 0; mask >>= 1 {
			bits--
		}
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(bits)), b...)
}

// body returns the body of the public key packet.
func (k signingKey) body() []byte {
	b := binary.BigEndian.AppendUint32([]byte{4}, uint32(k.created.Unix()))
	b = append(b, eddsaLegacy, 9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01) // Ed25519's OID
	return append(b, mpi(append([]byte{0x40}, k.Public().(ed25519.PublicKey)...))...)
}

// hashed returns the key as fingerprints and certifications hash it.
func (k signingKey) hashed() []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(k.body()))), k.body()...)
}

// public returns the public key with a user ID and its self-signature.
func (k signingKey) public() []byte {
	const user = "kbtf test"
	certified := binary.BigEndian.AppendUint32(append(k.hashed(), 0xb4), uint32(len(user)))
	keyFlags := []byte{2, 27, 0x03} // certifies and signs
	return slices.Concat(packet(tagPublicKey, k.body()), packet(tagUserID, []byte(user)),
		k.sign(sigCertification, append(certified, user...), keyFlags))
}

// sign returns a signature packet.
func (k signingKey) sign(kind byte, data, subpackets []byte) []byte {
	fingerprint := sha1.Sum(k.hashed())
	subpackets = slices.Concat(subpackets,
		binary.BigEndian.AppendUint32([]byte{5, 2}, uint32(k.created.Add(time.Minute).Unix())), // time of the signature
		append([]byte{22, 33, 4}, fingerprint[:]...))                                           // issuer
	head := binary.BigEndian.AppendUint16([]byte{4, kind, eddsaLegacy, hashSHA512}, uint16(len(subpackets)))
	head = append(head, subpackets...)
	trailer := binary.BigEndian.AppendUint32([]byte{4, 0xff}, uint32(len(head)))
	digest := sha512.Sum512(slices.Concat(data, head, trailer))
	signature := ed25519.Sign(k.PrivateKey, digest[:])
	issuer := append([]byte{9, 16}, fingerprint[12:]...)
	return packet(tagSignature, slices.Concat(head, []byte{0, byte(len(issuer))}, issuer, digest[:2],
		mpi(signature[:32]), mpi(signature[32:])))
}

// clearsign returns a text with its signature. Lines must not begin with a dash or end with blanks.
func (k signingKey) clearsign(text string) []byte {
	canonical := strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\r\n")
	armored := base64.StdEncoding.EncodeToString(k.sign(sigText, []byte(canonical), nil))
	out := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + text + "-----BEGIN PGP SIGNATURE-----\n\n"
	for line := range slices.Chunk([]byte(armored), 64) {
		out += string(line) + "\n"
	}
	return []byte(out + "-----END PGP SIGNATURE-----\n")
}
