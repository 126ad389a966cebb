// Package results keeps what was planned, tried and measured in one SQLite
// file, and computes from the stored rows what can be computed without a
// rerun: perplexities, intervals, paired differences.
//
// The tables are described in schema/; the views there (leaderboard, horizon,
// cost, missing, curves, blocks, evidence, cells) are meant for people and need no
// joins. store.go opens and migrates the file, write.go claims and finishes
// cells, read.go reads them back, stats.go is the statistics.
//
// What is promised: a cell that Finish has acknowledged survives any kill and
// loss of power (write-ahead log, synchronous=FULL, one transaction a cell);
// any number of processes on one machine may share the file; each cell is
// claimed by one process at a time and finished once.
package results

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"
)

// applicationID marks a file as ours, in its header: "PRED".
const applicationID = 0x50524544

// busy is how long a connection waits for another process's transaction.
const busy = 30 * time.Second

// readers is the size of the pool of read-only connections.
const readers = 4

// A VersionError refuses a file whose schema this program does not know, or,
// opened for reading only, one that has yet to be migrated.
type VersionError struct {
	Path      string
	Got, Want int // schema versions of the file and of the program
}

func (e *VersionError) Error() string {
	if e.Got > e.Want {
		return fmt.Sprintf("%s: schema version = %d, want at most %d: written by a newer program", e.Path, e.Got, e.Want)
	}
	return fmt.Sprintf("%s: schema version = %d, want %d: open it for writing once to migrate it", e.Path, e.Got, e.Want)
}

// A Store is an open file of results. Its methods may be called concurrently.
type Store struct {
	path string
	w    *sql.DB // one connection, immediate transactions; nil if read-only
	r    *sql.DB // a pool of connections that cannot write
}

// Path is the file's.
func (s *Store) Path() string { return s.path }

// Open opens the store at path for writing, making it and its folder if need
// be, and brings an older schema up to date; a copy of the file as it was is
// left beside it.
func Open(path string) (*Store, error) { return open(path, migrations) }

func open(path string, steps []migration) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	w, err := sql.Open("sqlite3", dsn(path, url.Values{
		"_txlock": {"immediate"}, "_foreign_keys": {"1"}, "_synchronous": {"FULL"},
	}))
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	w.SetMaxOpenConns(1)
	err = retryBusy(func() error { return prepare(w, path, steps) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("results: %w", err), w.Close())
	}
	r, err := openReader(path)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return &Store{path: path, w: w, r: r}, nil
}

// prepare switches w to the write-ahead log and migrates.
func prepare(w *sql.DB, path string, steps []migration) error {
	if err := checkOwner(w, path); err != nil {
		return err
	}
	if _, err := w.Exec(`PRAGMA journal_mode = WAL`); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return migrate(w, path, steps)
}

// OpenReadOnly opens an existing store that is up to date; nothing done
// through it can change the file.
func OpenReadOnly(path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	r, err := openReader(path)
	if err != nil {
		return nil, err
	}
	err = retryBusy(func() error { return checkOwner(r, path) })
	if err == nil {
		err = checkVersion(r, path, len(migrations), false)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("results: %w", err), r.Close())
	}
	return &Store{path: path, r: r}, nil
}

// Close closes the store. The last process to do so folds the write-ahead log
// back into the file.
func (s *Store) Close() error {
	err := s.r.Close()
	if s.w != nil {
		err = errors.Join(err, s.w.Close())
	}
	return err
}

// writer is the writing connection, or an error on a read-only store.
func (s *Store) writer() (*sql.DB, error) {
	if s.w == nil {
		return nil, fmt.Errorf("%s is open for reading only", s.path)
	}
	return s.w, nil
}

// dsn is the URI of the file, in which ?, # and % may be part of the name.
func dsn(path string, params url.Values) string {
	params.Set("_busy_timeout", strconv.Itoa(int(busy.Milliseconds())))
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()}
	u.RawQuery = params.Encode()
	return u.String()
}

// readOnlyDriver refuses, besides writing to the file (mode=ro), everything
// that is not reading: an attached file, a changed pragma, a temporary table.
const readOnlyDriver = "results-sqlite3-readonly"

var registerReader = sync.OnceFunc(func() {
	sql.Register(readOnlyDriver, &sqlite3.SQLiteDriver{ConnectHook: func(c *sqlite3.SQLiteConn) error {
		c.RegisterAuthorizer(authorizeReading)
		return nil
	}})
})

func authorizeReading(op int, a, b, _ string) int {
	switch op {
	case sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, recursive, sqlite3.SQLITE_TRANSACTION:
		return sqlite3.SQLITE_OK
	case sqlite3.SQLITE_PRAGMA: // (name, argument): those that tell and do not set
		switch strings.ToLower(a) {
		case "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo",
			"foreign_key_list", "foreign_key_check", "integrity_check", "quick_check":
			return sqlite3.SQLITE_OK
		case "user_version", "application_id", "query_only", "journal_mode", "data_version":
			if b == "" {
				return sqlite3.SQLITE_OK
			}
		}
	}
	return sqlite3.SQLITE_DENY
}

// recursive is SQLITE_RECURSIVE, which the driver does not export.
const recursive = 33

func openReader(path string) (*sql.DB, error) {
	registerReader()
	r, err := sql.Open(readOnlyDriver, dsn(path, url.Values{"mode": {"ro"}, "_query_only": {"1"}}))
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	r.SetMaxOpenConns(readers)
	r.SetMaxIdleConns(readers)
	return r, nil
}

// retryBusy tries f again while another process holds the file in a way the
// busy timeout does not cover: switching to the write-ahead log, recovering it
// after a crash.
func retryBusy(f func() error) error {
	for end := time.Now().Add(busy); ; time.Sleep(5 * time.Millisecond) {
		err := f()
		var e sqlite3.Error
		if !errors.As(err, &e) || e.Code != sqlite3.ErrBusy && e.Code != sqlite3.ErrLocked || time.Now().After(end) {
			return err
		}
	}
}

// checkOwner refuses a database that some other program made.
func checkOwner(db *sql.DB, path string) error {
	var id, tables int
	if err := db.QueryRow(`PRAGMA application_id`).Scan(&id); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := db.QueryRow(`SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if tables > 0 && id != applicationID {
		return fmt.Errorf("%s: application id = %#x, want %#x: not a file of results", path, id, applicationID)
	}
	return nil
}

func checkVersion(db queryer, path string, want int, older bool) error {
	got, err := userVersion(db)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if got > want || got < want && !older {
		return &VersionError{Path: path, Got: got, Want: want}
	}
	return nil
}

// queryer is a database or a transaction.
type queryer interface {
	QueryRow(query string, args ...any) *sql.Row
}

func userVersion(db queryer) (v int, err error) {
	err = db.QueryRow(`PRAGMA user_version`).Scan(&v)
	return v, err
}

// A migration is one numbered file of schema/: it leads from version-1 to
// version.
type migration struct {
	version int
	name    string
	sql     string
}

//go:embed schema/*.sql
var schemaFiles embed.FS

var migrations = mustMigrations(schemaFiles)

// mustMigrations reads the files in order of their numbers, which must be
// 1, 2, 3, …
func mustMigrations(files fs.FS) []migration {
	names, err := fs.Glob(files, "schema/*.sql")
	if err != nil {
		panic(err)
	}
	steps := make([]migration, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err)
		}
		base := filepath.Base(name)
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(base, want) {
			panic(fmt.Sprintf("results: schema/%s, want a name beginning with %s", base, want))
		}
		steps[i] = migration{i + 1, base, string(text)}
	}
	return steps
}

// migrate brings the file up to date, each step in a transaction of its own.
// A file that holds anything is copied first.
func migrate(db *sql.DB, path string, steps []migration) error {
	if err := checkVersion(db, path, len(steps), true); err != nil {
		return err
	}
	from, err := userVersion(db)
	if err != nil {
		return err
	}
	if from > 0 && from < len(steps) {
		if err := backup(db, path, from); err != nil {
			return err
		}
	}
	for _, m := range steps[from:] {
		if err := m.apply(db); err != nil {
			return fmt.Errorf("%s: %s: %w", path, m.name, err)
		}
	}
	return nil
}

// backup copies the file as it is at this version, complete and compact.
func backup(db *sql.DB, path string, version int) error {
	to := fmt.Sprintf("%s.v%d-%s.bak", path, version, time.Now().UTC().Format("20060102T150405.000000000Z"))
	if _, err := db.Exec(`VACUUM INTO ?`, to); err != nil {
		return fmt.Errorf("%s: copy before migrating: %w", path, err)
	}
	return nil
}

func (m migration) apply(db *sql.DB) error {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// Another process may have been faster: look again now that nobody else
	// can write.
	if v, err := userVersion(tx); err != nil || v >= m.version {
		return err
	}
	if _, err := tx.Exec(m.sql); err != nil {
		return err
	}
	// Pragmas take no parameters; both numbers are ours.
	stamp := fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, applicationID, m.version)
	if _, err := tx.Exec(stamp); err != nil {
		return err
	}
	return tx.Commit()
}
