-- ARGV: 8 kind of the change
vacate(r, part, ARGV[8])
remember(receipt, keyMemory)
return {'ok'}
