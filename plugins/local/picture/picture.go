// Package picture takes images in from people nobody knows: it says what a file
// is before it decodes it, refuses what would cost too much, and makes of the
// rest a plain PNG in the size that a model looks at. Start with [Load].
package picture

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"math"

	"skerry/appliance/llm"
	"skerry/plugins/local/gguf"
)

// Bounds of one image. A page of A4 at 300 dots an inch has 8.7 million pixels.
const (
	MaxBytes  = 6 << 20 // with the rest of a request in one message of plugins/sdk
	MaxPixels = 16 << 20

	// maxScans bounds the passes of a progressive JPEG over all its pixels, each
	// of which a file of a few bytes can demand. Encoders write about ten.
	maxScans = 64
)

// Picture is an image that a model can be shown.
type Picture struct {
	PNG  []byte // without transparency, not larger than the model looks at
	Size image.Point
	Hash uint64 // of the file that it came in, never 0
}

// Load checks and decodes a PNG or JPEG for a model that looks at images in the
// way of v. Errors are *llm.Error of kind invalid. It needs up to 250 MB while
// it runs.
func Load(b []byte, v gguf.Vision) (Picture, error) {
	decode, config, err := check(b)
	if err != nil {
		return Picture{}, err
	}
	size, err := fit(image.Pt(config.Width, config.Height), v)
	if err != nil {
		return Picture{}, err
	}
	img, err := decode()
	if err != nil {
		return Picture{}, invalid("it is damaged: %v", err)
	}
	var out bytes.Buffer
	e := png.Encoder{CompressionLevel: png.NoCompression}
	if err := e.Encode(&out, shrink(opaque(img), size)); err != nil {
		return Picture{}, err
	}
	sum := sha256.Sum256(b)
	return Picture{PNG: out.Bytes(), Size: size, Hash: max(1, binary.LittleEndian.Uint64(sum[:8]))}, nil
}

// check says what a file is, by its first bytes and its head alone.
func check(b []byte) (decode func() (image.Image, error), c image.Config, err error) {
	if len(b) > MaxBytes {
		return nil, c, invalid("it has %d bytes; %d are possible", len(b), MaxBytes)
	}
	switch {
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		c, err = png.DecodeConfig(bytes.NewReader(b))
		decode = func() (image.Image, error) { return png.Decode(bytes.NewReader(b)) }
	case bytes.HasPrefix(b, []byte{0xff, 0xd8, 0xff}):
		c, err = jpeg.DecodeConfig(bytes.NewReader(b))
		decode = func() (image.Image, error) { return jpeg.Decode(bytes.NewReader(b)) }
		// Within the data of a scan these two bytes do not occur.
		if n := bytes.Count(b, []byte{0xff, 0xda}); err == nil && n > maxScans {
			return nil, c, invalid("it is a JPEG with %d scans; %d are possible", n, maxScans)
		}
	default:
		return nil, c, invalid("it is neither a PNG nor a JPEG; convert it")
	}
	if err != nil {
		return nil, c, invalid("it is damaged: %v", err)
	}
	if c.Width < 1 || c.Height < 1 || c.Width > MaxPixels/c.Height {
		return nil, c, invalid("it has %d × %d pixels; %d million are possible; scale it down", c.Width, c.Height, MaxPixels>>20)
	}
	return decode, c, nil
}

// fit returns the size at which a model is shown an image: whole patches where
// it has to be made smaller.
func fit(size image.Point, v gguf.Vision) (image.Point, error) {
	w, h := float64(size.X), float64(size.Y)
	scale := min(1, float64(v.EdgePixels)/max(w, h), float64(v.PatchPixels)*math.Sqrt(gguf.MaxPatches/(w*h)))
	out := size
	if scale < 1 {
		whole := func(n float64) int { return int(n*scale) / v.PatchPixels * v.PatchPixels }
		out = image.Pt(whole(w), whole(h))
	}
	// The tower joins patches and leaves out what is less than that.
	if least := v.PatchPixels * v.Merge; out.X < least || out.Y < least {
		return out, invalid("it has %d × %d pixels and would be shown to this model with %d × %d, which is too small or too narrow: it takes at least %d each way", size.X, size.Y, out.X, out.Y, least)
	}
	return out, nil
}

// opaque puts an image on white.
func opaque(img image.Image) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: img.Bounds().Size()})
	draw.Draw(out, out.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(out, out.Bounds(), img, img.Bounds().Min, draw.Over)
	return out
}

// shrink returns img with not more pixels than it has, each the mean of those
// that it stands for.
func shrink(img *image.RGBA, size image.Point) *image.RGBA {
	from := img.Bounds().Size()
	if size == from {
		return img
	}
	out := image.NewRGBA(image.Rectangle{Max: size})
	for y := range size.Y {
		top, bottom := y*from.Y/size.Y, (y+1)*from.Y/size.Y
		for x := range size.X {
			left, right := x*from.X/size.X, (x+1)*from.X/size.X
			var sum [3]int
			for v := top; v < bottom; v++ {
				for i := img.PixOffset(left, v); i < img.PixOffset(right, v); i += 4 {
					sum[0] += int(img.Pix[i])
					sum[1] += int(img.Pix[i+1])
					sum[2] += int(img.Pix[i+2])
				}
			}
			n := (bottom - top) * (right - left)
			out.SetRGBA(x, y, color.RGBA{uint8((sum[0] + n/2) / n), uint8((sum[1] + n/2) / n), uint8((sum[2] + n/2) / n), 255})
		}
	}
	return out
}

func invalid(format string, a ...any) error {
	return &llm.Error{Kind: llm.Invalid, Message: "an image cannot be used: " + fmt.Sprintf(format, a...)}
}
