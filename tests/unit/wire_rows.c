/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_rows.h"

/* --- a pattern for every type of field ---------------------------------- */

static unsigned step;

static lr_t_u8 fill_u8(void)
{
	return (lr_t_u8)(0x11 + step++);
}
static lr_t_u16 fill_u16(void)
{
	return (lr_t_u16)(0x2211 + step++);
}
static lr_t_u32 fill_u32(void)
{
	return 0x44332211 + step++;
}
static lr_t_u64 fill_u64(void)
{
	return 0x8877665544332211 + step++;
}

static lr_t_id fill_id(void)
{
	struct lr_id v;

	for (unsigned i = 0; i < sizeof v.b; i++)
		v.b[i] = (uint8_t)(0xa0 + step + i);
	step++;
	return v;
}

static lr_t_dev fill_dev(void)
{
	struct lr_dev v;

	for (unsigned i = 0; i < sizeof v.b; i++)
		v.b[i] = (uint8_t)(0xc0 + step + i);
	step++;
	return v;
}

static lr_t_tag fill_tag(void)
{
	struct lr_tag v;

	v.ts = fill_u64();
	v.writer = fill_u64();
	v.seq = fill_u32();
	return v;
}

/* Of 0 to 6 bytes, not all of them text. */
static lr_t_str fill_str(void)
{
	static const char text[] = "a\xff"
				   "cdef";

	return (struct lr_str){text, (uint16_t)(step++ % 7)};
}

#define same_int(a, b) ((a) == (b))
#define fill_later_u16 fill_u16
#define fill_later_dev fill_dev
#define fill_later_str fill_str
#define same_u8	       same_int
#define same_u16       same_int
#define same_u32       same_int
#define same_u64       same_int
#define same_id(a, b)  lr_id_eq(&(a), &(b))
#define same_dev(a, b) lr_dev_eq(&(a), &(b))
#define same_later_u16 same_int
#define same_later_dev same_dev
#define same_later_str same_str
#define same_tag(a, b) (lr_tag_cmp(&(a), &(b)) == 0)
#define same_str(a, b) ((a).n == (b).n && !memcmp((a).p, (b).p, (a).n))

/* --- one row a message: make it, read it back --------------------------- */

#define FILL(type, field) m.field = fill_##type();
#define SAME(type, field)                              \
	{                                              \
		lr_t_##type want = fill_##type();      \
		ok = ok && same_##type(m.field, want); \
	}
#define TELL(type, field) #type " " #field " "

#define MSG_FUNCTIONS(num, NAME, name, bulk, doc)                            \
	static void make_##name(struct lr_writer *w)                         \
	{                                                                    \
		struct lr_msg_##name m;                                      \
		LR_MSG_##NAME(FILL) lr_enc_##name(w, &m);                    \
	}                                                                    \
	static bool back_##name(const uint8_t *p, size_t len, unsigned from) \
	{                                                                    \
		struct lr_msg_##name m;                                      \
		bool ok = lr_dec_##name(p, len, &m);                         \
		step = from;                                                 \
		if (ok)                                                      \
			LR_MSG_##NAME(SAME) return ok;                       \
		return false;                                                \
	}
#define REC_FUNCTIONS(NAME, name)                                 \
	static void make_rec_##name(struct lr_writer *w)          \
	{                                                         \
		struct lr_rec_##name m;                           \
		LR_REC_##NAME(FILL) lr_enc_rec_##name(w, &m);     \
	}                                                         \
	static bool back_rec_##name(const uint8_t *p, size_t len, \
				    unsigned from)                \
	{                                                         \
		struct lr_reader r = lr_reader(p, len);           \
		struct lr_rec_##name m;                           \
		bool ok = lr_dec_rec_##name(&r, &m);              \
		step = from;                                      \
		if (ok)                                           \
			LR_REC_##NAME(SAME) return ok;            \
		return false;                                     \
	}

LR_MESSAGES(MSG_FUNCTIONS)
LR_RECORDS(REC_FUNCTIONS)

static const struct wire_row messages[] = {
#define MSG_ROW(num, NAME, name, bulk, doc)                                    \
	{#NAME, num, bulk, doc, make_##name, back_##name, LR_MSG_##NAME(TELL), \
	 false},
	LR_MESSAGES(MSG_ROW)
#undef MSG_ROW
};
static const struct wire_row records[] = {
#define PLAIN_ROW(NAME, name)        \
	{                            \
		#name,               \
		0,                   \
		0,                   \
		"",                  \
		make_rec_##name,     \
		back_rec_##name,     \
		LR_REC_##NAME(TELL), \
		false},
#define SIZED_ROW(NAME, name)        \
	{                            \
		#name,               \
		0,                   \
		0,                   \
		"",                  \
		make_rec_##name,     \
		back_rec_##name,     \
		LR_REC_##NAME(TELL), \
		true},
	LR_PLAIN_RECORDS(PLAIN_ROW) LR_SIZED_RECORDS(SIZED_ROW)
#undef PLAIN_ROW
#undef SIZED_ROW
};

const size_t wire_n_messages = countof(messages);
const size_t wire_n_rows = countof(messages) + countof(records);

const struct wire_row *wire_row(size_t i)
{
	return i < countof(messages) ? &messages[i]
				     : &records[i - countof(messages)];
}

size_t wire_make(size_t i, uint8_t buf[LR_META_MAX])
{
	struct lr_writer w = lr_writer(buf, LR_META_MAX);

	step = (unsigned)i;
	wire_row(i)->make(&w);
	assert_false(w.bad);
	return w.len;
}

size_t wire_width(const char *type)
{
	static const struct {
		const char *type;
		size_t bytes;
	} all[] = {{"u8", 1},  {"u16", 2},  {"u32", 4},	 {"u64", 8},
		   {"id", 16}, {"dev", 32}, {"tag", 20}, {"str", 0}};

	if (!strncmp(type, "later_", 6))
		type += 6;
	for (size_t i = 0; i < countof(all); i++)
		if (!strcmp(all[i].type, type))
			return all[i].bytes;
	fail_msg("type %s", type);
	return 0;
}

/* Bytes of the text that ends there. */
static size_t text_before(const uint8_t *end)
{
	size_t n = 0;

	while (end[-2 - (ptrdiff_t)n] != n || end[-1 - (ptrdiff_t)n])
		n++;
	return 2 + n;
}

size_t wire_later(size_t i, const uint8_t *p, size_t size)
{
	char type[16], name[32];
	size_t sum = 0;
	int n;

	for (const char *f = wire_row(i)->fields;
	     sscanf(f, "%15s %31s %n", type, name, &n) == 2; f += n)
		if (!strcmp(type, "later_str"))
			sum += text_before(p + size); /* the last one */
		else if (!strncmp(type, "later_", 6))
			sum += wire_width(type);
	return sum;
}
