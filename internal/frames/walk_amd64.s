//go:build gc

#include "textflag.h"

// func walk(skip int, pcs []uintptr) int
//
// The walk begins with the frame pointer of Callers. A frame pointer points to the saved
// frame pointer of the caller. The return address is one word above that. The second
// word of g is the end of the stack. The walk stops if a frame pointer does not increase
// or is not within the stack.
TEXT ·walk(SB), NOSPLIT, $0-40
	MOVQ skip+0(FP), CX
	MOVQ pcs_base+8(FP), DI
	MOVQ pcs_len+16(FP), DX
	MOVQ (TLS), AX
	MOVQ 8(AX), R8
	SUBQ $16, R8
	XORQ SI, SI
	MOVQ BP, AX
	MOVQ SP, R9
next:
	CMPQ SI, DX
	JGE  done
	CMPQ AX, R9
	JLS  done
	CMPQ AX, R8
	JHI  done
	MOVQ AX, R9
	DECQ CX
	JGE  skipped
	MOVQ 8(AX), R10
	MOVQ R10, (DI)(SI*8)
	INCQ SI
skipped:
	MOVQ (AX), AX
	JMP  next
done:
	MOVQ SI, ret+32(FP)
	RET
