//go:build gc

#include "textflag.h"

// func address() uintptr
TEXT ·address(SB), NOSPLIT, $0-4
	MOVL (TLS), AX
	MOVL AX, ret+0(FP)
	RET
