//go:build gc

#include "textflag.h"

// func walk(skip int, pcs []uintptr) int
//
// The first frame pointer is that of Callers. A frame pointer points to the frame
// pointer of the caller, above which the return address lies. The second word of g is the end of its stack.
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
