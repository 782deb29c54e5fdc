module github.com/coderrange/ferrous/bench

go 1.26.0

require github.com/coderrange/ferrous v0.0.0

replace github.com/coderrange/ferrous => ../
