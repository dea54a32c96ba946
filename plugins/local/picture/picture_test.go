package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"skerry/appliance/llm"
	"skerry/plugins/local/gguf"
)

var eyes = gguf.Vision{PatchPixels: 14, Merge: 2, EdgePixels: 1540}

func drawn(w, h int, c color.Color) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, c)
		}
	}
	return img
}

func asPNG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// claiming is the head of a PNG that says it has so many pixels.
func claiming(w, h uint32) []byte {
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"), make([]byte, 13)...)
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	b[24], b[25] = 8, 6
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[12:29]))
}

func TestLoad(t *testing.T) {
	page := drawn(200, 100, color.NRGBA{200, 30, 40, 255})
	half := drawn(60, 60, color.NRGBA{255, 0, 0, 128})
	for _, row := range []struct {
		name string
		file []byte
		size image.Point
		want color.RGBA
	}{
		{"PNG", asPNG(t, page), image.Pt(200, 100), color.RGBA{200, 30, 40, 255}},
		{"JPEG", asJPEG(t, page), image.Pt(200, 100), color.RGBA{200, 30, 40, 255}},
		{"what shines through is white", asPNG(t, half), image.Pt(60, 60), color.RGBA{255, 127, 127, 255}},
		{"a long one", asPNG(t, drawn(3080, 100, color.Black)), image.Pt(1540, 42), color.RGBA{A: 255}},
		{"a large one has as many patches as are possible", asPNG(t, drawn(2000, 2000, color.Black)), image.Pt(896, 896), color.RGBA{A: 255}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := Load(row.file, eyes)
			if err != nil {
				t.Fatal(err)
			}
			img, err := png.Decode(bytes.NewReader(p.PNG))
			if err != nil || img.Bounds().Size() != row.size || p.Size != row.size {
				t.Fatalf("%v, %v; want %v", p.Size, err, row.size)
			}
			r, g, b, a := img.At(20, 20).RGBA()
			for i, got := range []uint32{r >> 8, g >> 8, b >> 8, a >> 8} {
				want := []uint8{row.want.R, row.want.G, row.want.B, row.want.A}[i]
				if d := int(got) - int(want); d < -3 || d > 3 {
					t.Errorf("channel %d is %d; want %d", i, got, want)
				}
			}
		})
	}
}

// TestShrinkTakesTheMean: stripes that are thinner than a pixel turn grey.
func TestShrinkTakesTheMean(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 8, 4))
	for x := range 8 {
		for y := range 4 {
			img.SetRGBA(x, y, color.RGBA{uint8(x % 2 * 200), uint8(y * 60), 0, 255})
		}
	}
	if got, want := shrink(img, image.Pt(4, 2)).RGBAAt(3, 1), (color.RGBA{100, 150, 0, 255}); got != want {
		t.Errorf("%v; want %v", got, want)
	}
}

func TestHashesTellImagesApart(t *testing.T) {
	hash := func(c color.Color) uint64 {
		p, err := Load(asPNG(t, drawn(40, 40, c)), eyes)
		if err != nil {
			t.Fatal(err)
		}
		return p.Hash
	}
	if a, b, again := hash(color.Black), hash(color.White), hash(color.Black); a == b || a != again || a == 0 {
		t.Errorf("%x, %x, %x", a, b, again)
	}
}

// TestHostileImages: none is decoded beyond its bounds, and each is an error of
// the call, which says what is wrong.
func TestHostileImages(t *testing.T) {
	good := asPNG(t, drawn(100, 100, color.Black))
	photo := asJPEG(t, drawn(100, 100, color.Black))
	for _, row := range []struct {
		name string
		file []byte
		says string
	}{
		{"nothing", nil, "neither a PNG nor a JPEG"},
		{"another format", []byte("GIF89a\x01\x00\x01\x00"), "neither a PNG nor a JPEG"},
		{"half a file", good[:len(good)/2], "damaged"},
		{"half a photograph", photo[:len(photo)/2], "damaged"},
		{"an enormous claim", claiming(60_000, 60_000), "scale it down"},
		{"a claim that overflows", claiming(1<<31-1, 1<<31-1), "an image cannot be used"},
		{"a few bytes and many scans", append(bytes.Clone(photo[:len(photo)-2]), bytes.Repeat([]byte{0xff, 0xda}, 100)...), "scans"},
		{"too many bytes", append(bytes.Clone(good), make([]byte, MaxBytes)...), "bytes"},
		{"one pixel", asPNG(t, drawn(1, 1, color.Black)), "at least 28"},
		{"a thread", asPNG(t, drawn(100_000, 30, color.Black)), "too narrow"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, err := Load(row.file, eyes)
			if err == nil || llm.KindOf(err) != llm.Invalid || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v, %v; want %q", p.Size, err, row.says)
			}
		})
	}
	if _, err := Load(good, eyes); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

// FuzzLoad: whatever comes in, the answer is a picture within the bounds of the
// model or an error of kind invalid.
func FuzzLoad(f *testing.F) {
	f.Add(asPNG(f, drawn(40, 50, color.Black)))
	f.Add(asJPEG(f, drawn(40, 50, color.White)))
	f.Add(claiming(40, 40))
	f.Add(claiming(60_000, 60_000))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Load(b, eyes)
		if err != nil {
			if llm.KindOf(err) != llm.Invalid {
				t.Fatalf("%v", err)
			}
			return
		}
		least := eyes.PatchPixels * eyes.Merge
		if p.Size.X < least || p.Size.Y < least || p.Size.X > eyes.EdgePixels || p.Size.Y > eyes.EdgePixels || p.Hash == 0 {
			t.Fatalf("%v", p.Size)
		}
		c, err := png.DecodeConfig(bytes.NewReader(p.PNG))
		if err != nil || c.Width != p.Size.X || c.Height != p.Size.Y {
			t.Fatalf("%v, %v; want %v", c, err, p.Size)
		}
	})
}
