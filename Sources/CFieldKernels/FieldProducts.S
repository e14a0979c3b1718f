// Written by scripts/field-kernels; change it there.
//
// Montgomery's products modulo p of BLS12-381: six words, least significant first, R = 2^384. There is no
// jump, and no address that depends on a value. Sums of low and of high halves are two chains of carries,
// in CF (adcx) and in OF (adox).

#if defined(__x86_64__) && defined(__ELF__)

    .section .rodata
    .p2align 6
modulus:
    .quad 0xb9feffffffffaaab
    .quad 0x1eabfffeb153ffff
    .quad 0x6730d2a0f6b0f624
    .quad 0x64774b84f38512bf
    .quad 0x4b1ba7b6434bacd7
    .quad 0x1a0111ea397fe69a

    .text

// rdi ← rsi·rdx/R mod p for rsi < p; the result may be an operand
    .globl bcemr_fp_adx_product
    .type bcemr_fp_adx_product, @function
    .p2align 5
bcemr_fp_adx_product:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rdx, %rcx
    movabs $0x89f3fffcfffcfffd, %rbx
    mov 0(%rcx), %rdx
    mulx 0(%rsi), %r8, %r9
    mulx 8(%rsi), %rbp, %r10
    add %rbp, %r9
    mulx 16(%rsi), %rbp, %r11
    adc %rbp, %r10
    mulx 24(%rsi), %rbp, %r12
    adc %rbp, %r11
    mulx 32(%rsi), %rbp, %r13
    adc %rbp, %r12
    mulx 40(%rsi), %rbp, %r14
    adc %rbp, %r13
    adc $0, %r14
    mov %r8, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    adc $0, %r14
    mov 8(%rcx), %rdx
    xor %eax, %eax
    mulx 0(%rsi), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx 8(%rsi), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx 16(%rsi), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx 24(%rsi), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx 32(%rsi), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx 40(%rsi), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    adc $0, %r8
    mov %r9, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    adc $0, %r8
    mov 16(%rcx), %rdx
    xor %eax, %eax
    mulx 0(%rsi), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx 8(%rsi), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx 16(%rsi), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx 24(%rsi), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx 32(%rsi), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx 40(%rsi), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    adc $0, %r9
    mov %r10, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    adc $0, %r9
    mov 24(%rcx), %rdx
    xor %eax, %eax
    mulx 0(%rsi), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx 8(%rsi), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx 16(%rsi), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx 24(%rsi), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx 32(%rsi), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx 40(%rsi), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    adc $0, %r10
    mov %r11, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    adc $0, %r10
    mov 32(%rcx), %rdx
    xor %eax, %eax
    mulx 0(%rsi), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx 8(%rsi), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx 16(%rsi), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx 24(%rsi), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx 32(%rsi), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx 40(%rsi), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    adc $0, %r11
    mov %r12, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    adc $0, %r11
    mov 40(%rcx), %rdx
    xor %eax, %eax
    mulx 0(%rsi), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx 8(%rsi), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx 16(%rsi), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx 24(%rsi), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx 32(%rsi), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx 40(%rsi), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    adc $0, %r12
    mov %r13, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    adc $0, %r12
    mov %r14, %r13
    mov %r8, %rax
    mov %r9, %rbp
    mov %r10, %rdx
    mov %r11, %rcx
    mov %r12, %rsi
    sub modulus+0(%rip), %r14
    sbb modulus+8(%rip), %r8
    sbb modulus+16(%rip), %r9
    sbb modulus+24(%rip), %r10
    sbb modulus+32(%rip), %r11
    sbb modulus+40(%rip), %r12
    cmovc %r13, %r14
    cmovc %rax, %r8
    cmovc %rbp, %r9
    cmovc %rdx, %r10
    cmovc %rcx, %r11
    cmovc %rsi, %r12
    mov %r14, 0(%rdi)
    mov %r8, 8(%rdi)
    mov %r9, 16(%rdi)
    mov %r10, 24(%rdi)
    mov %r11, 32(%rdi)
    mov %r12, 40(%rdi)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .size bcemr_fp_adx_product, . - bcemr_fp_adx_product

// rdi ← rsi²/R mod p for rsi < p; the result may be the operand
    .globl bcemr_fp_adx_square
    .type bcemr_fp_adx_square, @function
    .p2align 5
bcemr_fp_adx_square:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    sub $96, %rsp
    mov 0(%rsi), %rdx
    mulx 8(%rsi), %r8, %r9
    mulx 16(%rsi), %rbp, %r10
    add %rbp, %r9
    mulx 24(%rsi), %rbp, %r11
    adc %rbp, %r10
    mulx 32(%rsi), %rbp, %r12
    adc %rbp, %r11
    mulx 40(%rsi), %rbp, %r13
    adc %rbp, %r12
    adc $0, %r13
    mov 8(%rsi), %rdx
    xor %eax, %eax
    mulx 16(%rsi), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx 24(%rsi), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx 32(%rsi), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx 40(%rsi), %rbp, %r14
    adcx %rbp, %r13
    mov $0, %eax
    adox %rax, %r14
    adc $0, %r14
    mov 16(%rsi), %rdx
    xor %eax, %eax
    mulx 24(%rsi), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx 32(%rsi), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx 40(%rsi), %rbp, %r15
    adcx %rbp, %r14
    mov $0, %eax
    adox %rax, %r15
    adc $0, %r15
    mov 24(%rsi), %rdx
    xor %eax, %eax
    mulx 32(%rsi), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r15
    mulx 40(%rsi), %rbp, %rbx
    adcx %rbp, %r15
    mov $0, %eax
    adox %rax, %rbx
    adc $0, %rbx
    mov 32(%rsi), %rdx
    mulx 40(%rsi), %rbp, %rcx
    add %rbp, %rbx
    adc $0, %rcx
    xor %eax, %eax
    mov 0(%rsi), %rdx
    mulx %rdx, %rbp, %rax
    mov %rbp, 0(%rsp)
    adcx %r8, %r8
    adox %rax, %r8
    mov %r8, 8(%rsp)
    adcx %r9, %r9
    mov 8(%rsi), %rdx
    mulx %rdx, %rbp, %rax
    adox %rbp, %r9
    mov %r9, 16(%rsp)
    adcx %r10, %r10
    adox %rax, %r10
    mov %r10, 24(%rsp)
    adcx %r11, %r11
    mov 16(%rsi), %rdx
    mulx %rdx, %rbp, %rax
    adox %rbp, %r11
    mov %r11, 32(%rsp)
    adcx %r12, %r12
    adox %rax, %r12
    mov %r12, 40(%rsp)
    adcx %r13, %r13
    mov 24(%rsi), %rdx
    mulx %rdx, %rbp, %rax
    adox %rbp, %r13
    mov %r13, 48(%rsp)
    adcx %r14, %r14
    adox %rax, %r14
    mov %r14, 56(%rsp)
    adcx %r15, %r15
    mov 32(%rsi), %rdx
    mulx %rdx, %rbp, %rax
    adox %rbp, %r15
    mov %r15, 64(%rsp)
    adcx %rbx, %rbx
    adox %rax, %rbx
    mov %rbx, 72(%rsp)
    adcx %rcx, %rcx
    mov 40(%rsi), %rdx
    mulx %rdx, %rbp, %rax
    adox %rbp, %rcx
    mov %rcx, 80(%rsp)
    mov $0, %ebp
    adcx %rbp, %rax
    adox %rbp, %rax
    mov %rax, 88(%rsp)
    movabs $0x89f3fffcfffcfffd, %rbx
    mov 0(%rsp), %r8
    mov 8(%rsp), %r9
    mov 16(%rsp), %r10
    mov 24(%rsp), %r11
    mov 32(%rsp), %r12
    mov 40(%rsp), %r13
    xor %r14, %r14
    mov %r8, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    adc $0, %r14
    mov %r9, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    adc $0, %r8
    mov %r10, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    adc $0, %r9
    mov %r11, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    adc $0, %r10
    mov %r12, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r12
    adox %rax, %r13
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    adc $0, %r11
    mov %r13, %rdx
    imul %rbx, %rdx
    xor %eax, %eax
    mulx modulus+0(%rip), %rbp, %rax
    adcx %rbp, %r13
    adox %rax, %r14
    mulx modulus+8(%rip), %rbp, %rax
    adcx %rbp, %r14
    adox %rax, %r8
    mulx modulus+16(%rip), %rbp, %rax
    adcx %rbp, %r8
    adox %rax, %r9
    mulx modulus+24(%rip), %rbp, %rax
    adcx %rbp, %r9
    adox %rax, %r10
    mulx modulus+32(%rip), %rbp, %rax
    adcx %rbp, %r10
    adox %rax, %r11
    mulx modulus+40(%rip), %rbp, %rax
    adcx %rbp, %r11
    adox %rax, %r12
    adc $0, %r12
    add 48(%rsp), %r14
    adc 56(%rsp), %r8
    adc 64(%rsp), %r9
    adc 72(%rsp), %r10
    adc 80(%rsp), %r11
    adc 88(%rsp), %r12
    mov %r14, %r13
    mov %r8, %rax
    mov %r9, %rbp
    mov %r10, %rdx
    mov %r11, %rcx
    mov %r12, %rsi
    sub modulus+0(%rip), %r14
    sbb modulus+8(%rip), %r8
    sbb modulus+16(%rip), %r9
    sbb modulus+24(%rip), %r10
    sbb modulus+32(%rip), %r11
    sbb modulus+40(%rip), %r12
    cmovc %r13, %r14
    cmovc %rax, %r8
    cmovc %rbp, %r9
    cmovc %rdx, %r10
    cmovc %rcx, %r11
    cmovc %rsi, %r12
    mov %r14, 0(%rdi)
    mov %r8, 8(%rdi)
    mov %r9, 16(%rdi)
    mov %r10, 24(%rdi)
    mov %r11, 32(%rdi)
    mov %r12, 40(%rdi)
    add $96, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .size bcemr_fp_adx_square, . - bcemr_fp_adx_square

    .section .note.GNU-stack,"",@progbits

#endif
