return {'ok', life, redis.call('GET', blob)}
