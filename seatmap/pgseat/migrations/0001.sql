-- Names are bytea: a name may be any UTF-8, and is compared byte by byte, in whatever
-- encoding and collation the database has. Times are microseconds since 1970, 0 for none.
-- Lists of seats are indices in the layout, 4 bytes each. Keys are hashes.

create table pgseat.store (
    single boolean primary key default true check (single), -- there is one row
    secret bytea not null, -- of which the tokens are made
    last bigint not null default 0 -- no event that was removed had a higher revision or fence
);
-- 244 random bits, which no log of statements shows.
insert into pgseat.store (secret) values (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
-- A transaction that changes events locks their rows first, by id. So changes have an order,
-- and nobody waits for another row.
create table pgseat.event (
    id bigint generated always as identity primary key, -- another one in each life
    name bytea not null unique,
    life bigint not null,
    seats int not null,
    free int not null,
    held int not null,
    closed int not null,
    marked int not null default 0, -- how many rows of the table sale
    max_seats bigint not null,
    max_holds bigint not null,
    lifetime bigint not null,
    payment bigint not null, -- 0 for no limit
    ring int not null,
    revision bigint not null,
    changes bigint not null default 0,
    key bytea -- of Create
) with (fillfactor = 20);
create table pgseat.layout (
    event bigint primary key,
    layout bytea not null,
    former bytea not null -- what the tokens of an event that was imported were made with, encrypted; else empty
);
-- The seats that are blocked, booked or not for sale to all.
create table pgseat.seat (
    event bigint not null,
    seat int not null,
    record bigint not null, -- -1 if nobody has the seat, and it is not for sale to all
    primary key (event, seat)
);
-- The seats that an operator has closed, or that are in a quota. Each has a row in seat, too.
create table pgseat.sale (
    event bigint not null,
    seat int not null,
    closed boolean not null,
    actor bytea not null, -- empty if the layout has closed it
    reason bytea not null,
    quota bytea not null, -- empty if none
    primary key (event, seat)
);
-- Holds, and bookings, which have no deadline. A hold that is booked as a whole stays the
-- same record. No index has what this changes, unless the booking has another reference, and half of each page is free for it, so that
-- no index is written (a heap-only tuple).
create table pgseat.record (
    event bigint not null,
    id bigint not null, -- the first fence
    fence bigint not null,
    owner bytea not null,
    seats bytea not null,
    at bigint not null,
    until bigint not null, -- the largest number of a hold without a deadline
    key bytea not null, -- of the request that made it what it is; empty if none
    reference bytea not null, -- empty if none
    more bytea not null, -- what few have: a payment, an operator; see packMore. Empty if nothing
    primary key (event, id)
) with (fillfactor = 50);
create index record_owner on pgseat.record (event, owner);
create index record_reference on pgseat.record (event, reference) where reference <> '';
-- The answers to requests with a key.
create table pgseat.answer (
    event bigint not null,
    key bytea not null,
    print text not null,
    record bigint not null,
    fence bigint not null,
    owner bytea not null,
    seats bytea not null,
    at bigint not null,
    until bigint not null,
    paying boolean not null,
    primary key (event, key)
);
-- What ends at a moment: holds that may have been extended or booked since, and answers.
create table pgseat.due (
    event bigint not null,
    at bigint not null,
    revision bigint not null, -- of the event, when the row was made
    holds bigint[] not null,
    keys bytea[] not null,
    primary key (event, at, revision)
);
create index due_at on pgseat.due (at);
-- The changes of each transaction in one value.
create table pgseat.change (
    event bigint not null,
    revision bigint not null, -- of the last one
    number bigint not null, -- how many changes the event has had
    packed bytea not null,
    primary key (event, revision)
);
alter table pgseat.change alter packed set storage external; -- it is read soon and deleted soon
-- The answers to Create and Remove.
create table pgseat.naming (
    key bytea primary key,
    print text not null,
    ends bigint not null -- when it is forgotten; 0 while the event lives
);
create index naming_ends on pgseat.naming (ends) where ends > 0;
-- Events that were removed, whose rows in the other tables are to be deleted.
create table pgseat.garbage (event bigint primary key);

-- The statements that most transactions need, as functions in PL/pgSQL, whose plans the server
-- keeps for each connection, also behind a PgBouncer. Rows are parameters, column by column.
create function pgseat.load_due(events bigint[], now bigint, most int) returns setof pgseat.due language plpgsql as $$
#variable_conflict use_column
begin
    return query select d.* from unnest($1) as e,
        lateral (select * from pgseat.due where event = e and at <= $2 order by at, revision limit $3) as d;
end $$;
create function pgseat.load_records(events bigint[], ids bigint[]) returns setof pgseat.record language plpgsql as $$
#variable_conflict use_column
begin
    return query select r.* from unnest($1, $2) as u(event, id) join pgseat.record r on r.event = u.event and r.id = u.id;
end $$;
create function pgseat.load_seats(events bigint[], seats int[]) returns setof pgseat.seat language plpgsql as $$
#variable_conflict use_column
begin
    return query select s.* from unnest($1, $2) as u(event, seat) join pgseat.seat s on s.event = u.event and s.seat = u.seat;
end $$;
create function pgseat.load_answers(events bigint[], keys bytea[]) returns setof pgseat.answer language plpgsql as $$
#variable_conflict use_column
begin
    return query select a.* from unnest($1, $2) as u(event, key) join pgseat.answer a on a.event = u.event and a.key = u.key;
end $$;
create function pgseat.add_seats(events bigint[], seats int[], records bigint[]) returns void language plpgsql as $$
#variable_conflict use_column
begin
    insert into pgseat.seat (event, seat, record) select * from unnest($1, $2, $3);
end $$;
create function pgseat.add_records(
    events bigint[], ids bigint[], fences bigint[], owners bytea[], seats bytea[], at bigint[], until bigint[], keys bytea[], refs bytea[],
    more bytea[]
) returns void language plpgsql as $$
#variable_conflict use_column
begin
    insert into pgseat.record (event, id, fence, owner, seats, at, until, key, reference, more)
        select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
end $$;
create function pgseat.change_records(
    events bigint[], ids bigint[], fences bigint[], seats bytea[], at bigint[], until bigint[], keys bytea[], refs bytea[], more bytea[]
) returns void language plpgsql as $$
#variable_conflict use_column
begin
    update pgseat.record r set fence = u.fence, seats = u.seats, at = u.at, until = u.until, key = u.key, reference = u.reference, more = u.more
        from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) as u(event, id, fence, seats, at, until, key, reference, more)
        where r.event = u.event and r.id = u.id;
end $$;
create function pgseat.add_answers(
    events bigint[], keys bytea[], prints text[], records bigint[], fences bigint[], owners bytea[], seats bytea[], at bigint[], until bigint[],
    paying boolean[]
) returns void language plpgsql as $$
#variable_conflict use_column
begin
    insert into pgseat.answer (event, key, print, record, fence, owner, seats, at, until, paying)
        select * from unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
end $$;
-- Of holds and keys each row has a part. The clock may have been set back to a moment that has a
-- row.
create function pgseat.add_due(
    events bigint[], at bigint[], revisions bigint[], holds bigint[], keys bytea[], hold_from int[], hold_to int[], key_from int[], key_to int[]
) returns void language plpgsql as $$
#variable_conflict use_column
begin
    insert into pgseat.due (event, at, revision, holds, keys)
        select u.event, u.at, u.revision, $4[u.hold_from:u.hold_to], $5[u.key_from:u.key_to]
        from unnest($1, $2, $3, $6, $7, $8, $9) as u(event, at, revision, hold_from, hold_to, key_from, key_to)
        on conflict on constraint due_pkey do update set holds = due.holds || excluded.holds, keys = due.keys || excluded.keys;
end $$;
create function pgseat.add_changes(
    events bigint[], revisions bigint[], numbers bigint[], packed bytea[], free bigint[], held bigint[], closed bigint[], marked bigint[]
) returns void language plpgsql as $$
#variable_conflict use_column
begin
    insert into pgseat.change (event, revision, number, packed) select * from unnest($1, $2, $3, $4);
    update pgseat.event e set free = u.free, held = u.held, closed = u.closed, marked = u.marked, revision = u.revision, changes = u.number
        from unnest($1, $2, $3, $5, $6, $7, $8) as u(id, revision, number, free, held, closed, marked) where e.id = u.id;
end $$;
