//go:build gc

#include "textflag.h"

// func walk(skip int, pcs []uintptr) int
//
// The walk begins with the frame pointer of Callers. A frame pointer points to the saved
// frame pointer of the caller. The return address is one word above that. The second
// word of g is the end of the stack. The walk stops if a frame pointer does not increase
// or is not within the stack.
TEXT ·walk(SB), NOSPLIT, $0-40
	MOVD skip+0(FP), R0
	MOVD pcs_base+8(FP), R1
	MOVD pcs_len+16(FP), R2
	MOVD 8(g), R3
	SUB  $16, R3
	MOVD $0, R4
	MOVD R29, R5
	MOVD $0, R6
next:
	CMP  R2, R4
	BGE  done
	CMP  R6, R5
	BLS  done
	CMP  R3, R5
	BHI  done
	MOVD R5, R6
	SUBS $1, R0
	BPL  skipped
	MOVD 8(R5), R7
	MOVD R7, (R1)(R4<<3)
	ADD  $1, R4
skipped:
	MOVD (R5), R5
	B    next
done:
	MOVD R4, ret+32(FP)
	RET
