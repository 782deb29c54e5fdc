local closed = tonumber(call('HGET', E, 'closed'))
return {'ok', text(free), text(held), text(count - free - held - closed), text(closed)}
