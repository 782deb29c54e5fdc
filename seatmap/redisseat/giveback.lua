-- ARGV: 8 kind of the change
local _, vacate = taking()
vacate(r, part, ARGV[8])
remember(nil, true)
return {'ok'}
