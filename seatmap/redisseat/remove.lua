local again = repeated()
if again then return again end
if not life then return {'unknown'} end
if meta[1] ~= '2' then return {'version', meta[1] or ''} end
call('XLEN', stream)
call('ZREM', D, '') -- see vacate
if call('EXISTS', R) == 1 then call('RENAME', R, ofLife('g', life)) end -- see clean.lua
local key = call('HGET', E, 'key')
if key and key ~= '' then forgetLater(key, keyMemory) end
local receipt = {fence = 0, user = '', at = 0, untl = 0, seats = life}
changed('Removed', receipt, '', 0)
call('PEXPIRE', stream, '60000')
call('UNLINK', E, S, D, U)
redis.pcall('UNLINK', ofLife('l', life)) -- see forgetLater
index()
remember(receipt, true)
return hold('ok', receipt)
