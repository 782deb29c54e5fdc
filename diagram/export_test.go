package diagram

// Columns is the default width.
var Columns = columns
