return {'ok', life, text(rev), text(now), redis.call('GETRANGE', S, 0, -1)}
