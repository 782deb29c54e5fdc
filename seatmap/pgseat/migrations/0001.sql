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
    max_seats int not null,
    max_holds int not null,
    lifetime bigint not null,
    ring int not null,
    revision bigint not null,
    changes bigint not null default 0,
    key bytea -- of Create
) with (fillfactor = 20);
create table pgseat.layout (
    event bigint primary key,
    layout bytea not null
);
-- The seats that are blocked or booked.
create table pgseat.seat (
    event bigint not null,
    seat int not null,
    record bigint not null, -- -1 if the seat is not for sale
    primary key (event, seat)
);
-- Holds, and bookings, which have no deadline. A hold that is booked as a whole stays the
-- same record. No index has what this changes, and half of each page is free for it, so that
-- no index is written (a heap-only tuple).
create table pgseat.record (
    event bigint not null,
    id bigint not null, -- the first fence
    fence bigint not null,
    owner bytea not null,
    seats bytea not null,
    at bigint not null,
    until bigint not null,
    key bytea not null, -- of the request that made it what it is; empty if none
    primary key (event, id)
) with (fillfactor = 50);
create index record_owner on pgseat.record (event, owner);
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
