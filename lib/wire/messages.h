/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol as one table: from it come the message numbers, names, limits,
 * structs, encoders, decoders (msg.h), and the byte tables of doc/protocol.md.
 *
 * A frame is a 16-byte header, `meta` (the fields below, in order) and `bulk`
 * (records or a value):
 *
 *   u32 bulk length | u16 meta length | u16 message number | u64 request
 *
 * Integers are little-endian. A reply carries its request's number; what is
 * pushed carries 0. Fields: u8 u16 u32 u64, id (16 bytes), dev (32), tag
 * (ts u64, writer u64, seq u32), str (u16 length, bytes). All records but
 * three begin with a u16, the length of their fields.
 *
 * Released messages and records change in one way: fields are appended, as
 * later_u8, later_str, ... (see "How the protocol may change" in
 * doc/protocol.md). */
#ifndef LR_WIRE_MESSAGES_H
#define LR_WIRE_MESSAGES_H

#include "core/terms.h"

#define LR_HEADER_BYTES 16
#define LR_META_MAX 2048u
#define LR_VALUE_MAX (256u * 1024)
#define LR_HEAD_MAX 1024u /* a manifest's head, before its inline value */
#define LR_BULK_MAX (LR_VALUE_MAX + LR_HEAD_MAX)

/* clang-format off */

/* --- records: what bulk parts are made of ------------------------------ */

#define LR_REC_SLOTNO(F)    F(u16, slot)
#define LR_REC_SLOT_CE(F)   F(u16, slot) F(u64, ce)
/* What a donor holds of a slot: hello, SLOTS_R, SEAL_R. result: lr_err. ce: of
 * the cfg that is installed; status NONE: of the one that left the donor out. */
#define LR_REC_SLOT_STATE(F) \
	F(u16, slot) F(u16, result) F(u64, prom) F(u8, status) F(u64, ce)
/* One entry, as listed to a member that syncs. state: LR_FOUND_*. */
#define LR_REC_ENTRY(F) \
	F(id, id) F(tag, tag) F(u8, kind) F(u8, state) F(u32, bytes) F(u64, sum)
#define LR_REC_MEMBER(F) \
	F(u64, inc) F(dev, dev) F(dev, machine) F(u16, shards) F(u8, up) \
	F(str, name) F(str, addrs) F(later_dev, key)
/* dev: the first key's; key: what its links prove (zero: that), old: proved
 * before */
#define LR_REC_DEVICE(F) \
	F(dev, dev) F(u8, roles) F(str, name) F(later_dev, key) \
	F(later_dev, old)
/* One object, as reported by donors and listed to users. state: LR_OBJECT_* */
#define LR_REC_OBJECT(F) \
	F(u8, state) F(id, id) F(u64, size) F(u64, created_ms) \
	F(u64, expires_ms) F(dev, owner) F(u32, uid) F(u8, flags) F(str, name)
/* What LIST and STAT answer on top: copies there and wanted, which donors. */
#define LR_REC_LISTED(F) \
	F(u8, state) F(id, id) F(u64, size) F(u64, created_ms) \
	F(u64, expires_ms) F(dev, owner) F(u32, uid) F(u8, flags) F(str, name) \
	F(u8, copies) F(u8, wanted) F(str, owner_name) F(str, donors)
#define LR_REC_DONOR(F) \
	F(dev, dev) F(u64, inc) F(str, name) F(str, address) F(u8, state) \
	F(u64, lent) F(u64, held) F(u64, host_available) F(u64, entries) \
	F(u32, p50_us) F(u32, p99_us) F(str, version) F(u64, since_ms) \
	F(u32, slots_lost) F(u32, slots_short) F(later_dev, key)
#define LR_REC_PENDING(F) \
	F(dev, dev) F(str, code) F(str, name) F(str, address) F(u8, roles) \
	F(u64, since_ms)
#define LR_REC_TEXT(F)      F(str, text)
/* key: the public half; at: Unix */
#define LR_REC_INVITE(F) \
	F(dev, key) F(u8, roles) F(u32, uses) F(u32, used) \
	F(u64, created_ms) F(u64, expires_ms)
/* kind: enum lr_event_kind; at_ms: Unix; count: slots, or bytes given back */
#define LR_REC_EVENT(F) \
	F(u64, seq) F(u64, at_ms) F(u16, kind) F(dev, dev) F(str, name) \
	F(u64, count) F(u64, ms) F(str, by)
/* Of one object: a donor's share of its entries. */
#define LR_REC_COPY(F) \
	F(dev, dev) F(str, name) F(u8, up) F(u64, entries) F(u64, synced) \
	F(u32, p50_us)
/* RAM that a donor gave back. left: lent after it; why: enum lr_given_why */
#define LR_REC_GIVEN(F)     F(u64, ago_ms) F(u64, bytes) F(u64, left) F(u8, why)
#define LR_REC_WHICH(F)     F(id, id)
/* Of one object: what a donor said of its entries. err: lr_err. */
#define LR_REC_VERIFIED(F) \
	F(dev, dev) F(u16, err) F(u64, there) F(u64, ago_ms) F(u32, trip_us)
/* The link to a donor, as its owner sees it. up: the coordinator hears the
 * donor; why: the last dial's lr_err; near_us: a round trip; 0: not known. */
#define LR_REC_REACH(F) \
	F(dev, dev) F(u64, inc) F(str, name) F(str, addrs) F(u8, up) \
	F(u8, open) F(u16, why) F(u64, silent_ms) F(u32, near_us)

/* Held what is lost; came back empty at back_ms (Unix; 0: it did not). */
#define LR_REC_LOSS(F)      F(dev, dev) F(str, name) F(u64, back_ms)
/* A donor's share in what would move: copies of slots, and their bytes. */
#define LR_REC_MOVE(F) \
	F(dev, dev) F(str, name) F(u32, slots) F(u32, gets) F(u32, gives) \
	F(u64, get_bytes) F(u64, give_bytes)

/* What a member answered to a chunk that was passed on to it. err: lr_err */
#define LR_REC_PASSED(F)    F(u64, inc) F(u16, err) F(tag, tag)

/* By the ten thousand: without a length, so they never change. */
#define LR_PLAIN_RECORDS(R) \
	R(SLOTNO, slotno)   R(SLOT_CE, slot_ce)  R(SLOT_STATE, slot_state)
#define LR_SIZED_RECORDS(R) \
	R(ENTRY, entry)     R(MEMBER, member)    R(DEVICE, device) \
	R(OBJECT, object)   R(LISTED, listed)    R(DONOR, donor) \
	R(PENDING, pending) R(TEXT, text)        R(EVENT, event) \
	R(COPY, copy)       R(WHICH, which)      R(VERIFIED, verified) \
	R(GIVEN, given)     R(REACH, reach)      R(INVITE, invite) \
	R(LOSS, loss)       R(MOVE, move)        R(PASSED, passed)
#define LR_RECORDS(R) LR_PLAIN_RECORDS(R) LR_SIZED_RECORDS(R)

/* --- messages ----------------------------------------------------------- */

#define LR_MSG_HELLO(F) \
	F(u16, proto_min) F(u16, proto_max) F(u8, role) F(dev, pool) \
	F(dev, dev) F(u64, inc) F(u16, port) F(u16, shards) F(dev, machine) \
	F(u64, lent) F(u64, used) F(str, name) F(str, version) F(str, site) \
	F(str, addrs)
#define LR_MSG_WELCOME(F) \
	F(u16, proto) F(dev, pool) F(u64, inc) F(u64, run) F(u64, epoch) \
	F(u8, admitted) F(str, pool_name) F(str, name) F(str, version) \
	F(later_dev, device)
#define LR_MSG_ERROR(F)     F(u16, err) F(str, text)
#define LR_MSG_DONE(F)      F(u16, err) F(str, text)
#define LR_MSG_ENROL(F)     F(u8, roles) F(str, name) F(str, version)
#define LR_MSG_ENROL_R(F)   F(u8, state) F(str, text)

/* data path: requester or donor -> donor; ce = 0: local program -> requester */
#define LR_MSG_GET(F) \
	F(u16, slot) F(u64, ce) F(id, id) F(u8, flags) F(u32, deadline_ms)
#define LR_MSG_GET_R(F) \
	F(u16, err) F(u8, found) F(u8, synced) F(u8, kind) F(tag, tag) \
	F(u64, expires_ms) F(u64, sum)
#define LR_MSG_PUT(F) \
	F(u16, slot) F(u64, ce) F(id, id) F(tag, tag) F(u8, kind) F(u8, flags) \
	F(u64, expires_ms) F(u64, sum) F(u32, deadline_ms)
#define LR_MSG_PUT_R(F)     F(u16, err) F(u8, copies) F(tag, tag) F(str, text)
#define LR_MSG_STALE(F)     F(u16, slot) F(u64, prom)
#define LR_MSG_SCAN(F)      F(u16, slot) F(u64, ce) F(id, after) F(u8, first)
#define LR_MSG_SCAN_R(F)    F(u16, err) F(u8, more) F(u64, floor)
#define LR_MSG_FIND(F)      F(u16, slot) F(u64, ce) F(str, prefix)
#define LR_MSG_FIND_R(F)    F(u16, err)
#define LR_MSG_PING(F)      F(u64, token)
#define LR_MSG_PING_R(F)    F(u64, token) F(u64, inc)
#define LR_MSG_UPDATE(F) \
	F(u16, slot) F(u64, ce) F(id, id) F(u64, writer) F(u32, seq) \
	F(u8, expect) F(u8, flags) F(tag, want) F(u64, sum) F(u32, deadline_ms)
#define LR_MSG_UPDATE_R(F)  F(u16, err) F(u8, found) F(tag, tag) F(str, text)
#define LR_MSG_VIEW_GET(F)  F(u16, part)
#define LR_MSG_VIEW(F) \
	F(u64, run) F(u64, rev) F(u64, epoch) F(u16, part) F(u16, parts)
#define LR_MSG_VIEW_DELTA(F) \
	F(u64, run) F(u64, from) F(u64, to) F(u64, epoch) F(u16, part) \
	F(u16, parts)

/* coordinator -> donor */
#define LR_MSG_SEAL(F)      F(u64, epoch) F(u64, run)
#define LR_MSG_SEAL_R(F)    F(u64, epoch) F(u64, inc)
#define LR_MSG_INSTALL(F)   F(u64, epoch) F(u64, run)
#define LR_MSG_INSTALL_R(F) F(u64, epoch) F(u64, inc)
#define LR_MSG_SLOTS_GET(F) F(u8, reserved)
#define LR_MSG_SLOTS_R(F)   F(u64, inc)
#define LR_MSG_PROBE(F) \
	F(dev, dev) F(u64, inc) F(str, addrs) F(later_u16, shards)
#define LR_MSG_DEVICES(F)   F(u64, version) F(u16, part) F(u16, parts)

/* donor -> coordinator. tick: of the first shard's loop; ticks: of the others,
 * a u64 each */
#define LR_MSG_BEAT(F) \
	F(u64, inc) F(u64, seq) F(u64, tick) F(u64, lent) F(u64, used) \
	F(u64, host_available) F(u32, psi_some) F(u32, psi_full) \
	F(u64, entries) F(u64, max_prom) F(u32, sealed) F(u32, syncing) \
	F(u64, sync_left) F(u64, ops) F(u32, p50_us) F(u32, p99_us) \
	F(u64, gets) F(u64, puts) F(u64, bytes_out) F(u64, bytes_in) \
	F(u64, errors) F(u8, pressure) F(later_str, ticks)
/* rest: the rebuild is paused */
#define LR_MSG_BEAT_R(F)    F(u64, seq) F(u64, rev) F(u8, rest)
#define LR_MSG_SYNCED(F)    F(u64, inc)
#define LR_MSG_SYNC_FULL(F) F(u64, inc)
#define LR_MSG_REPORT(F) \
	F(u16, slot) F(u64, ce) F(u8, flags) F(u64, entries) F(u64, bytes)
#define LR_MSG_LEAVE(F)     F(u8, reserved)
#define LR_MSG_LEAVE_R(F)   F(u16, err) F(u32, slots_left) F(u32, slots_sole)
#define LR_MSG_UNREACHED(F) F(dev, dev) F(u64, inc)

/* donor -> donor it copies from: on the link for operations, about those for
 * copies. bytes_per_s: at most so fast; ops: of users, since it started */
#define LR_MSG_PACE(F)      F(u64, bytes_per_s)
#define LR_MSG_PACE_R(F)    F(u64, ops)
/* a slot's first SYNCED copy -> the others: what they hold, TOMBs apart */
#define LR_MSG_DIGEST(F)    F(u16, slot) F(u64, ce)
#define LR_MSG_DIGEST_R(F)  F(u16, err) F(u64, entries) F(u64, sum)
/* donor -> coordinator: entries, since it said so last */
#define LR_MSG_REPAIRED(F)  F(u32, corrupt) F(u32, repaired)
/* what would move if the rules placed everything now; nothing does */
#define LR_MSG_REBALANCE(F) F(u32, uid)
#define LR_MSG_REBALANCE_R(F) F(u16, err) F(u32, slots) F(u64, bytes)
/* coordinator -> donor; 0: as fast as users do not feel */
#define LR_MSG_COPY_LIMIT(F) F(u64, bytes_per_s)

/* asking the coordinator (uid is stamped by the local daemon) */
#define LR_MSG_STATUS(F)    F(u32, uid)
#define LR_MSG_STATUS_R(F) \
	F(dev, pool) F(u64, epoch) F(u8, health) F(u32, donors_up) \
	F(u32, donors_known) F(u64, lent) F(u64, held) F(u64, stored) \
	F(u64, usable) F(u64, objects) F(u32, slots_full) F(u32, slots_short) \
	F(u32, slots_unavailable) F(u32, slots_lost) F(u64, recovery_left) \
	F(u64, recovery_rate) F(u8, survives_donor) F(u8, survives_machine) \
	F(u8, encrypted) F(u8, complete) F(str, pool_name)
#define LR_MSG_DONORS(F)    F(u32, uid)
#define LR_MSG_DONORS_R(F)  F(u16, err)
#define LR_MSG_LIST(F) \
	F(u32, uid) F(u8, flags) F(id, after) F(u8, first) F(str, pattern)
/* last: where the next page starts */
#define LR_MSG_LIST_R(F)    F(u16, err) F(u8, more) F(str, text) F(id, last)
#define LR_MSG_RESOLVE(F)   F(u32, uid) F(str, ref)
#define LR_MSG_RESOLVE_R(F) F(u16, err)
#define LR_MSG_PENDING(F)   F(u32, uid)
#define LR_MSG_PENDING_R(F) F(u16, err)
#define LR_MSG_ADMIT(F)     F(u32, uid) F(u8, roles) F(str, ref)
#define LR_MSG_REFUSE(F)    F(u32, uid) F(str, ref)
#define LR_MSG_DRAIN(F)     F(u32, uid) F(u8, undo) F(str, ref)
#define LR_MSG_DRAIN_STATE(F) F(u32, uid) F(str, ref)
/* stuck: what is left finds no room elsewhere */
#define LR_MSG_DRAIN_STATE_R(F) \
	F(u16, err) F(u8, draining) F(u8, stuck) F(u32, slots) F(u32, sole) \
	F(u64, bytes)
#define LR_MSG_FORGET(F)    F(u32, uid) F(str, ref)
#define LR_MSG_REVOKE(F)    F(u32, uid) F(str, ref)
#define LR_MSG_DISCARD(F)   F(id, id)
/* key: the invitation's public half, whose secret the coordinator never sees */
#define LR_MSG_INVITE(F) \
	F(u32, uid) F(dev, key) F(u8, roles) F(u32, uses) F(u64, ttl_ms)
/* key: the last of the pool's, after key_n others; zero: the first */
#define LR_MSG_INVITE_R(F) \
	F(u16, err) F(dev, pool) F(str, text) F(later_u16, key_n) \
	F(later_dev, key)
#define LR_MSG_INVITES(F)   F(u32, uid)
#define LR_MSG_INVITES_R(F) F(u16, err)
#define LR_MSG_CONFIRM(F)   F(u32, uid)
/* key: the public half of the new one; proof: its signature */
#define LR_MSG_ROTATE(F)    F(dev, key) F(str, proof)
#define LR_MSG_ROTATE_KEY(F) F(u8, reserved)
#define LR_MSG_POOL_ROTATE(F) F(u32, uid)
/* bulk: the first key, and each next one with the signature of the one
 * before */
#define LR_MSG_POOL_KEYS(F) F(u8, reserved)
#define LR_MSG_UNINVITE(F)  F(u32, uid) F(str, ref)
/* proof: the invitation's signature of both keys */
#define LR_MSG_ENROL_INVITED(F) \
	F(u8, roles) F(dev, key) F(str, proof) F(str, name) F(str, version)

/* asking the local daemon */
#define LR_MSG_HERE(F)      F(u8, reserved)
/* detail: SEARCHING: the interfaces; else the coordinator's name;
 * text: why, in the coordinator's words */
#define LR_MSG_HERE_R(F) \
	F(u8, state) F(dev, dev) F(dev, pool) F(u32, uid) F(str, name) \
	F(str, pool_name) F(str, coordinator) F(str, code) F(str, detail) \
	F(str, text)
/* at_once: 1, do not wait for copies elsewhere where others have one */
#define LR_MSG_LEND(F)      F(str, spec) F(u8, at_once)
#define LR_MSG_LEND_R(F) \
	F(u16, err) F(u64, lent) F(u64, used) F(u64, host_available) \
	F(str, spec) F(str, text)

/* watching: first the whole, then what changed, at most every 100 ms, and
 * figures of heartbeats once a second; all of it pushed, with DEVICES */
#define LR_MSG_WATCH(F)     F(u32, uid)
/* rates are a second's; rec_left: bytes to copy */
#define LR_MSG_WATCH_POOL(F) \
	F(u64, run) F(dev, pool) F(u64, epoch) F(u8, health) \
	F(u32, donors_up) F(u32, donors_known) F(u64, lent) F(u64, held) \
	F(u64, stored) F(u64, usable) F(u64, objects) F(u32, slots_full) \
	F(u32, slots_short) F(u32, slots_unavailable) F(u32, slots_lost) \
	F(u64, rec_left) F(u8, paused) F(u8, survives_donor) \
	F(u8, survives_machine) F(u8, encrypted) F(u8, complete) \
	F(u64, gets) F(u64, puts) F(u64, bytes_out) F(u64, bytes_in) \
	F(u64, errors) F(u32, p50_us) F(u32, p99_us) F(str, pool_name) \
	F(str, coordinator)
/* whole: rows that are not named are gone; else those with state GONE are */
#define LR_MSG_WATCH_DONORS(F)  F(u8, whole)
#define LR_MSG_WATCH_PENDING(F) F(u8, reserved)
#define LR_MSG_WATCH_EVENTS(F)  F(u64, run)
#define LR_MSG_EVENTS(F)    F(u32, uid) F(u64, after)
#define LR_MSG_EVENTS_R(F)  F(u16, err) F(u64, run) F(u8, more)
/* incs: incarnations, 8 bytes each */
#define LR_MSG_WHATIF(F)    F(u32, uid) F(str, incs)
#define LR_MSG_WHATIF_R(F) \
	F(u16, err) F(u32, readable) F(u32, full) F(u32, short_) F(u32, lost) \
	F(u32, unavailable) F(u32, donors_left) F(u64, lost_bytes) \
	F(u64, copy_bytes) F(u64, room_bytes) F(u8, fits)
#define LR_MSG_PAUSE(F)     F(u32, uid) F(u8, on)
#define LR_MSG_COPIES(F)    F(u32, uid) F(id, id)
#define LR_MSG_COPIES_R(F)  F(u16, err) F(u64, entries)
/* To a donor: which records. To the local requester: an object of so many
 * entries; it asks the donors. ago_ms: of the entry verified longest ago */
#define LR_MSG_VERIFIED(F)  F(id, id) F(u64, entries)
#define LR_MSG_VERIFIED_R(F) F(u16, err) F(u64, there) F(u64, ago_ms)

/* At most `most` rows beyond `from` that match both patterns. more: go on
 * from `at`, even where no row came; matches: how many there were up to it */
#define LR_MSG_BROWSE(F) \
	F(u32, uid) F(u8, flags) F(id, from) F(u8, first) F(u16, most) \
	F(str, pattern) F(str, find)
#define LR_MSG_BROWSE_R(F)  F(u16, err) F(u8, more) F(id, at) F(u64, matches)
/* looking for what is wrong. dev: connect to that donor; zero: to none */
#define LR_MSG_CHECK(F)     F(u32, uid) F(dev, dev)
/* known: a donor of that device is up; reached: how the connection ended,
 * address: where to; seen: the asker's address */
#define LR_MSG_CHECK_R(F) \
	F(u64, unix_ms) F(u8, known) F(u16, reached) F(str, address) \
	F(str, seen) F(str, name) F(str, version)
#define LR_MSG_LINKS(F)     F(u8, reserved)
#define LR_MSG_LINKS_R(F)   F(u16, err)
/* slots: their numbers, 2 bytes each */
#define LR_MSG_LOSS(F)      F(u32, uid) F(str, slots)
#define LR_MSG_LOSS_R(F)    F(u16, err)

/* what the pool chose for data links, pushed to each device before the view;
 * and one of them that goes on in clear, as both its ends confirm */
#define LR_MSG_POLICY(F)    F(u8, clear)
#define LR_MSG_CLEAR(F)     F(u8, reserved)
#define LR_MSG_CLEAR_R(F)   F(u16, err)
/* PUT of a chunk, with members to pass it on to; from one of them: to none.
 * rest: their incarnations, 8 bytes each. err, tag: of who answers */
#define LR_MSG_FORWARD(F) \
	F(u16, slot) F(u64, ce) F(id, id) F(tag, tag) F(u64, expires_ms) \
	F(u64, sum) F(u32, deadline_ms) F(str, rest)
#define LR_MSG_FORWARD_R(F) F(u16, err) F(tag, tag)
/* GET, PUT or UPDATE (type, its fields, its bulk) for the donor `to`, answered
 * as that one answers it. dev, roles: whose request it is, filled in by who
 * passes it on */
#define LR_MSG_VIA(F)       F(u64, to) F(dev, dev) F(u8, roles) F(u16, type) F(str, meta)

/* from src[1], pushed; ts: of names' tags */
#define LR_MSG_BAR(F)       F(u16, slot) F(u64, ce) F(u64, ts)
/* part: from 1; 0: all of it, or nothing */
#define LR_MSG_METRICS(F)   F(u8, reserved) F(later_u16, part)
#define LR_MSG_METRICS_R(F) F(u8, reserved) F(later_u16, parts)

/*      number NAME      name      most bulk     what it says */
#define LR_MESSAGES(M) \
	M( 1, HELLO,      hello,      LR_BULK_MAX, "who I am; a donor adds slot_state records") \
	M( 2, WELCOME,    welcome,    0,           "who I am, and whether you are admitted") \
	M( 3, ERROR,      error,      0,           "the request failed, or the link is about to close") \
	M( 4, DONE,       done,       0,           "answer to a request that needs no more than a word") \
	M( 5, ENROL,      enrol,      0,           "let me in; repeated while the daemon lives") \
	M( 6, ENROL_R,    enrol_r,    0,           "pending, admitted or refused") \
	M(16, GET,        get,        0,           "read an entry, or its tag alone") \
	M(17, GET_R,      get_r,      LR_BULK_MAX, "the value") \
	M(18, PUT,        put,        LR_BULK_MAX, "store a tagged value, or a TOMB") \
	M(19, PUT_R,      put_r,      0,           "the tag now stored") \
	M(20, STALE,      stale,      256,         "not under that ce; the cfg installed, if any") \
	M(21, SCAN,       scan,       0,           "entries of a slot, from a SYNCED src") \
	M(22, SCAN_R,     scan_r,     LR_BULK_MAX, "entry records in the order of their IDs") \
	M(23, FIND,       find,       0,           "objects of a slot by prefix") \
	M(24, FIND_R,     find_r,     LR_BULK_MAX, "object records") \
	M(25, PING,       ping,       0,           "are you there") \
	M(26, PING_R,     ping_r,     0,           "yes, in this incarnation") \
	M(27, VIEW_GET,   view_get,   0,           "one part of the whole view") \
	M(28, VIEW,       view,       LR_BULK_MAX, "a part of the whole view") \
	M(29, VIEW_DELTA, view_delta, LR_BULK_MAX, "what changed from one rev to another") \
	M(30, UPDATE,     update,     LR_NAME_VALUE_MAX, "compare-and-set of a name, to src[1]") \
	M(31, UPDATE_R,   update_r,   0,           "done, or what is current") \
	M(32, SEAL,       seal,       LR_BULK_MAX, "promise the epoch for these slots (slotno)") \
	M(33, SEAL_R,     seal_r,     LR_BULK_MAX, "slot_state records, each with the cfg installed") \
	M(34, INSTALL,    install,    LR_BULK_MAX, "configurations") \
	M(35, INSTALL_R,  install_r,  LR_BULK_MAX, "slot_state records of the slots named") \
	M(36, SLOTS_GET,  slots_get,  0,           "tell all your slots") \
	M(37, SLOTS_R,    slots_r,    LR_BULK_MAX, "slot_state records") \
	M(38, PROBE,      probe,      0,           "can you reach that donor") \
	M(39, DEVICES,    devices,    LR_BULK_MAX, "the admitted devices") \
	M(48, BEAT,       beat,       0,           "alive, and how I am") \
	M(49, BEAT_R,     beat_r,     0,           "heard") \
	M(50, SYNCED,     synced,     LR_BULK_MAX, "slot_ce records that are synced") \
	M(51, SYNC_FULL,  sync_full,  LR_BULK_MAX, "slot_ce records for which I have no room") \
	M(52, REPORT,     report,     LR_BULK_MAX, "object records of a slot, all or changes") \
	M(53, LEAVE,      leave,      0,           "I want to go; answered when I may") \
	M(54, LEAVE_R,    leave_r,    0,           "go, or what is still on you alone") \
	M(55, UNREACHED,  unreached,  0,           "I cannot reach that donor") \
	M(64, STATUS,     status,     0,           "the pool at a glance") \
	M(65, STATUS_R,   status_r,   LR_BULK_MAX, "text records: the reasons") \
	M(66, DONORS,     donors,     0,           "the donors") \
	M(67, DONORS_R,   donors_r,   LR_BULK_MAX, "donor records") \
	M(68, LIST,       list,       0,           "objects by pattern, a page at a time") \
	M(69, LIST_R,     list_r,     LR_BULK_MAX, "listed records") \
	M(70, RESOLVE,    resolve,    0,           "what a name or prefix means") \
	M(71, RESOLVE_R,  resolve_r,  LR_BULK_MAX, "listed records, best first") \
	M(72, PENDING,    pending,    0,           "devices that want in") \
	M(73, PENDING_R,  pending_r,  LR_BULK_MAX, "pending records") \
	M(74, ADMIT,      admit,      0,           "let a device in") \
	M(75, REFUSE,     refuse,     0,           "do not") \
	M(76, DRAIN,      drain,      0,           "move everything off a donor") \
	M(77, FORGET,     forget,     0,           "a donor's RAM is gone for good") \
	M(78, DISCARD,    discard,    0,           "forget the lost object's row") \
	M(79, REVOKE,     revoke,     0,           "an admitted device is out") \
	M(80, HERE,       here,       0,           "how does the local daemon stand") \
	M(81, HERE_R,     here_r,     0,           "its state, and the pairing code") \
	M(82, LEND,       lend,       0,           "lend so much, or just tell") \
	M(83, LEND_R,     lend_r,     LR_BULK_MAX, "what is lent now; given records, oldest first") \
	M(96, WATCH,      watch,      0,           "show me the pool as it is and as it changes") \
	M(97, WATCH_POOL, watch_pool, LR_BULK_MAX, "the pool at a glance; text records: the reasons") \
	M(98, WATCH_DONORS, watch_donors, LR_BULK_MAX, "donor records, all or those that changed") \
	M(99, WATCH_PENDING, watch_pending, LR_BULK_MAX, "pending records, all") \
	M(100, WATCH_EVENTS, watch_events, LR_BULK_MAX, "event records, oldest first") \
	M(101, EVENTS,    events,     0,           "what has happened after that sequence") \
	M(102, EVENTS_R,  events_r,   LR_BULK_MAX, "event records, oldest first") \
	M(103, WHATIF,    whatif,     0,           "what would be left without these donors") \
	M(104, WHATIF_R,  whatif_r,   0,           "slots that hold something, and bytes") \
	M(105, PAUSE,     pause,      0,           "stop copying, or go on") \
	M(106, COPIES,    copies,     0,           "who holds this object") \
	M(107, COPIES_R,  copies_r,   LR_BULK_MAX, "copy records") \
	M(108, VERIFIED,  verified,   LR_BULK_MAX, "when were these entries last verified where they are") \
	M(109, VERIFIED_R, verified_r, LR_BULK_MAX, "a donor's answer; a requester's: verified records") \
	M(110, BROWSE,    browse,     0,           "objects before or behind one, a bounded piece of work") \
	M(111, BROWSE_R,  browse_r,   LR_BULK_MAX, "listed records, nearest first") \
	M(112, INVITE,    invite,     0,           "let in who proves to hold this invitation") \
	M(113, INVITE_R,  invite_r,   0,           "the pool to invite to") \
	M(114, INVITES,   invites,    0,           "which invitations stand") \
	M(115, INVITES_R, invites_r,  LR_BULK_MAX, "invite records") \
	M(116, UNINVITE,  uninvite,   0,           "an invitation ends") \
	M(117, ENROL_INVITED, enrol_invited, 0,    "let me in, I am invited; answered by ENROL_R") \
	M(118, CONFIRM,   confirm,    0,           "a coordinator that was restored may go on") \
	M(132, CHECK,     check,      0,           "what time is it, and can you connect to that donor") \
	M(133, CHECK_R,   check_r,    0,           "it is so late, and so it ended") \
	M(134, LINKS,     links,      0,           "your links to donors") \
	M(135, LINKS_R,   links_r,    LR_BULK_MAX, "reach records") \
	M(136, ROTATE,    rotate,     0,           "from now on I prove this key") \
	M(137, ROTATE_KEY, rotate_key, 0,          "this machine wants a new key") \
	M(138, LOSS,      loss,       0,           "who held these slots when they were lost") \
	M(139, LOSS_R,    loss_r,     LR_BULK_MAX, "loss records, each device once") \
	M(144, DRAIN_STATE, drain_state, 0,        "how far is it") \
	M(145, DRAIN_STATE_R, drain_state_r, 0,    "what is left there") \
	M(152, PACE,      pace,       0,           "send me copies at most so fast; how busy are you") \
	M(153, PACE_R,    pace_r,     0,           "so busy") \
	M(154, COPY_LIMIT, copy_limit, 0,          "copy at most so fast") \
	M(155, DIGEST,    digest,     0,           "what does your copy of the slot come to") \
	M(156, DIGEST_R,  digest_r,   0,           "so many entries, and the sum of their digests") \
	M(157, REPAIRED,  repaired,   0,           "entries of mine were corrupt, or were set right") \
	M(158, REBALANCE, rebalance,  0,           "what would move") \
	M(159, REBALANCE_R, rebalance_r, LR_BULK_MAX, "move records") \
	M(168, POLICY,    policy,     0,           "whether data links go on in clear") \
	M(169, CLEAR,     clear,      0,           "let this link go on in clear") \
	M(170, CLEAR_R,   clear_r,    0,           "it does, from here on") \
	M(176, BAR,       bar,        0,           "before a GET: refuse updates up to that ts from now on") \
	M(180, METRICS,   metrics,    0,           "your counters; on a local socket") \
	M(181, METRICS_R, metrics_r,  LR_BULK_MAX, "Prometheus text") \
	M(182, VIA,       via,        LR_BULK_MAX, "a request that is for another member of the slot") \
	M(186, POOL_ROTATE, pool_rotate, 0,        "the pool's key is to be replaced") \
	M(187, POOL_KEYS, pool_keys,  2048,        "the pool's keys so far") \
	M(190, FORWARD,   forward,    LR_BULK_MAX, "store a chunk, and pass it on to these members") \
	M(191, FORWARD_R, forward_r,  512,         "the tag now stored; passed records: what the others answered")
/* clang-format on */

#endif
