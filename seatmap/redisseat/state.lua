return {'ok', life, text(rev)}
