package sample

import "time"

func second() time.Duration { return time.Second }
