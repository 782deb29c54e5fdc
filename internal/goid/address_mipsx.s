//go:build gc && (mips || mipsle)

#include "textflag.h"

// func address() uintptr
TEXT ·address(SB), NOSPLIT, $0-4
	MOVW g, R1
	MOVW R1, ret+0(FP)
	RET
