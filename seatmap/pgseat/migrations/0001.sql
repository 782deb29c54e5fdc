-- Names are bytea: a name may be any UTF-8, and is compared byte by byte, in whatever
-- encoding and collation the database has.

-- What outlives an event, so that no revision and no fence of a name is used twice.
create table pgseat.name (
    name bytea primary key,
    revision bigint not null,
    fence bigint not null
);
create table pgseat.event (
    id bigint generated always as identity primary key,
    name bytea not null unique references pgseat.name,
    life bigint not null,
    layout bytea not null,
    max_seats int not null default 0
);
create table pgseat.seat (
    event bigint not null references pgseat.event on delete cascade,
    idx int not null,
    state smallint not null default 0,
    fence bigint,
    until timestamptz,
    primary key (event, idx)
) with (fillfactor = 70);
-- A hold has a deadline, a booking has none. Only a hash of the secret is kept.
create table pgseat.hold (
    event bigint not null references pgseat.event on delete cascade,
    fence bigint not null,
    secret bytea not null,
    usr bytea not null,
    seats int[] not null,
    at timestamptz not null,
    until timestamptz,
    primary key (event, fence)
);
create index on pgseat.hold (event, usr);
create index on pgseat.hold (until) where until is not null;
create table pgseat.change (
    event bigint not null references pgseat.event on delete cascade,
    revision bigint not null,
    body bytea not null,
    primary key (event, revision)
);
-- Keys of Create and Remove belong to the name, with an empty user, and outlive the event.
create table pgseat.key (
    name bytea not null,
    usr bytea not null,
    key bytea not null,
    request bytea not null,
    answer bytea not null,
    until timestamptz,
    primary key (name, usr, key)
);
create index on pgseat.key (until) where until is not null;
