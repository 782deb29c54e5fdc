package main

import "time"

// Level is the weight of a line.
type Level int

// The levels, from the least to the greatest weight.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

// String returns the level's name.
func (l Level) String() string {
	if l < Debug || l > Error {
		return "UNKNOWN"
	}
	return [...]string{"DEBUG", "INFO", "WARN", "ERROR"}[l]
}

// Line is one line of the log.
type Line struct {
	Time  time.Time
	Level Level
	Text  string
}

// Logger takes lines. Like Rust's trait Logger: Send + Sync, it is safe for
// concurrent use.
type Logger interface {
	// Log returns nil if it has accepted the line. What that promises is said by
	// the logger: see [Accept].
	Log(line Line) error
}

// appLog is the deck's app_log!: appLog(logger, Info, "Server started").
func appLog(l Logger, level Level, text string) error {
	return l.Log(Line{Time: time.Now(), Level: level, Text: text})
}
