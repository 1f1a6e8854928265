package comparison

import "io"

// WriteOverview writes the pages of the runs into the folder and the overview to w, without
// the pages of the cases.
func WriteOverview(w io.Writer, dir string, files ...string) error {
	s, err := read(dir, files, nil)
	if err != nil {
		return err
	}
	return s.write(w)
}
