-- It answers how many holds have ended. See index in functions.lua.
call('ZREM', D, '') -- see vacate
index()
call('HSET', E, 'state', pack('>I8I8I8I8', rev, free, held, entry))
return {'ok', text(ended)}
