-- Names are bytea: a name may be any UTF-8, and is compared byte by byte, in whatever
-- encoding and collation the database has. Times are microseconds since 1970, 0 for none.
-- Lists of seats are indices in the layout, 4 bytes each.

create table pgseat.store (
    single boolean primary key default true check (single), -- there is one row
    secret bytea not null, -- of which the tokens are made
    last bigint not null default 0 -- no event that was removed had a higher revision or fence
);
-- 244 random bits, which no log of statements shows.
insert into pgseat.store (secret) values (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
-- A transaction that changes an event locks its row first. So changes have an order, and
-- nobody waits for another row.
create table pgseat.event (
    id bigint generated always as identity primary key,
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
    fence bigint not null,
    primary key (event, seat)
) with (fillfactor = 70);
-- Holds, and bookings, which have no deadline.
create table pgseat.record (
    event bigint not null,
    fence bigint not null,
    owner bytea not null,
    seats bytea not null,
    at bigint not null,
    until bigint not null,
    key bytea, -- of the request that made it
    primary key (event, fence)
);
create index record_owner on pgseat.record (event, owner);
create index record_until on pgseat.record (until, event) where until > 0;
create table pgseat.change (
    event bigint not null,
    revision bigint not null,
    previous bigint not null,
    kind smallint not null,
    owner bytea not null,
    seats bytea not null,
    fence bigint not null,
    at bigint not null,
    until bigint not null,
    primary key (event, revision)
);
-- The answers to requests with a key, by a hash of it.
create table pgseat.answer (
    key bytea primary key,
    event bigint, -- null for Create and Remove
    print text not null,
    fence bigint not null,
    owner bytea not null,
    seats bytea not null,
    at bigint not null,
    until bigint not null,
    ends bigint not null -- when it is forgotten; 0 while what it is about lives
);
create index answer_ends on pgseat.answer (ends) where ends > 0;
create index answer_event on pgseat.answer (event) where event is not null;
-- Events that were removed, whose rows in the other tables are to be deleted.
create table pgseat.garbage (event bigint primary key);
