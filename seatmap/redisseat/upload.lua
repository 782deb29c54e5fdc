-- ARGV: 3 life that the event will have, 4 kind, 5 offset, 6 bytes. What is uploaded is
-- forgotten unless the event is created. The answer has the time.
local upload = ofLife(ARGV[4], ARGV[3])
call('SETRANGE', upload, ARGV[5], ARGV[6])
call('PEXPIRE', upload, keyMemory)
return {'ok', now}
