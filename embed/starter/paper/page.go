package paper

// page makes the document as a PDF.
func (d *draft) page() Document { return d.write(false) }
