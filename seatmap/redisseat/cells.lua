return {'ok', life, text(rev), text(now), call('GETRANGE', S, 0, -1)}
