package kills

// WritePage is what [Write] makes kills.html with.
var WritePage = writePage
