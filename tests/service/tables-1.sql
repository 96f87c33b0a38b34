-- The tables of version 1, as SQLite and PostgreSQL both read them: where the steps to later versions begin.
CREATE TABLE outcrop_about (
    version INTEGER NOT NULL,
    PRIMARY KEY (version)
);
CREATE TABLE outcrop_corrections (
    id VARCHAR(40) NOT NULL,
    result VARCHAR(40) NOT NULL,
    task VARCHAR(64) NOT NULL,
    owner VARCHAR(64) NOT NULL,
    stem TEXT NOT NULL,
    author TEXT NOT NULL,
    note TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    models TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX outcrop_corrections_result ON outcrop_corrections (result);
CREATE TABLE outcrop_jobs (
    id VARCHAR(40) NOT NULL,
    owner VARCHAR(64) NOT NULL,
    task VARCHAR(64) NOT NULL,
    verb VARCHAR(16) NOT NULL,
    name TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    started DOUBLE PRECISION,
    finished DOUBLE PRECISION,
    key VARCHAR(64) NOT NULL,
    idempotency VARCHAR(64),
    payload TEXT NOT NULL,
    progress DOUBLE PRECISION NOT NULL,
    stage TEXT NOT NULL,
    tries INTEGER NOT NULL,
    worker VARCHAR(80),
    lease DOUBLE PRECISION,
    cancel INTEGER NOT NULL,
    problem TEXT,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX outcrop_jobs_idempotency ON outcrop_jobs (owner, idempotency);
CREATE INDEX outcrop_jobs_key ON outcrop_jobs (owner, key);
CREATE INDEX outcrop_jobs_state ON outcrop_jobs (state, created);
CREATE TABLE outcrop_keys (
    prefix VARCHAR(16) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    name TEXT NOT NULL,
    role VARCHAR(16) NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    revoked DOUBLE PRECISION,
    PRIMARY KEY (prefix)
);
CREATE TABLE outcrop_results (
    id VARCHAR(40) NOT NULL,
    owner VARCHAR(64) NOT NULL,
    task VARCHAR(64) NOT NULL,
    verb VARCHAR(16) NOT NULL,
    name TEXT NOT NULL,
    created DOUBLE PRECISION NOT NULL,
    expires DOUBLE PRECISION NOT NULL,
    key VARCHAR(64) NOT NULL,
    payload TEXT NOT NULL,
    record TEXT NOT NULL,
    written INTEGER NOT NULL,
    bytes BIGINT NOT NULL,
    parent VARCHAR(40),
    PRIMARY KEY (id)
);
CREATE INDEX outcrop_results_created ON outcrop_results (owner, created);
CREATE INDEX outcrop_results_key ON outcrop_results (owner, key);
CREATE INDEX outcrop_results_parent ON outcrop_results (parent);
