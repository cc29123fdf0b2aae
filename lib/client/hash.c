/* SPDX-License-Identifier: Apache-2.0 */
#include "client/hash.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* Looking the algorithm up costs more than hashing a small value. */
static EVP_MD *sha256;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch_once(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

/* An OpenSSL without SHA-256 could not have made our key either. */
static const EVP_MD *algorithm(void)
{
	pthread_once(&once, fetch_once);
	if (!sha256)
		abort();
	return sha256;
}

#define PIECES 64u

struct piece {
	const void *p;
	size_t n;
};

struct lr_hash {
	EVP_MD_CTX *ctx; /* the thread's, while there is one */
	bool threaded;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more, less;
	struct piece piece[PIECES]; /* by number modulo PIECES */
	uint64_t added, hashed;
	bool ending;
};

static void update(EVP_MD_CTX *ctx, const struct piece *piece)
{
	if (EVP_DigestUpdate(ctx, piece->p, piece->n) != 1)
		abort();
}

static void *thread_main(void *arg)
{
	struct lr_hash *h = arg;
	struct piece piece;

	pthread_mutex_lock(&h->lock);
	for (;;) {
		while (h->hashed == h->added && !h->ending)
			pthread_cond_wait(&h->more, &h->lock);
		if (h->hashed == h->added)
			break;
		piece = h->piece[h->hashed % PIECES];
		pthread_mutex_unlock(&h->lock);
		update(h->ctx, &piece);
		pthread_mutex_lock(&h->lock);
		h->hashed++;
		pthread_cond_signal(&h->less);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

/* Signals are the program's: none is delivered to a thread of ours. */
static bool start_thread(struct lr_hash *h)
{
	sigset_t all, before;
	bool good;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	good = pthread_create(&h->thread, NULL, thread_main, h) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return good;
}

struct lr_hash *lr_hash_new(void)
{
	struct lr_hash *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || EVP_DigestInit_ex2(h->ctx, algorithm(), NULL) != 1) {
		EVP_MD_CTX_free(h->ctx);
		free(h);
		return NULL;
	}
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->more, NULL);
	pthread_cond_init(&h->less, NULL);
	h->threaded = start_thread(h);
	return h;
}

static void wait_until(struct lr_hash *h, uint64_t hashed)
{
	while (h->hashed < hashed)
		pthread_cond_wait(&h->less, &h->lock);
}

uint64_t lr_hash_add(struct lr_hash *h, const void *p, size_t n)
{
	struct piece piece = {p, n};
	uint64_t number;

	if (!h->threaded) {
		update(h->ctx, &piece);
		return 0;
	}
	pthread_mutex_lock(&h->lock);
	if (h->added >= PIECES)
		wait_until(h, h->added - PIECES + 1);
	h->piece[h->added++ % PIECES] = piece;
	number = h->added;
	pthread_cond_signal(&h->more);
	pthread_mutex_unlock(&h->lock);
	return number;
}

void lr_hash_wait(struct lr_hash *h, uint64_t piece)
{
	if (!h || !h->threaded)
		return;
	pthread_mutex_lock(&h->lock);
	wait_until(h, piece);
	pthread_mutex_unlock(&h->lock);
}

/* After it the thread is gone and ctx ours. */
static void join(struct lr_hash *h, bool drop)
{
	if (!h->threaded)
		return;
	pthread_mutex_lock(&h->lock);
	if (drop) /* but the piece that it is at */
		h->added = h->hashed + (h->hashed < h->added);
	h->ending = true;
	pthread_cond_signal(&h->more);
	pthread_mutex_unlock(&h->lock);
	pthread_join(h->thread, NULL);
}

static void done(struct lr_hash *h)
{
	pthread_cond_destroy(&h->less);
	pthread_cond_destroy(&h->more);
	pthread_mutex_destroy(&h->lock);
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void lr_hash_end(struct lr_hash *h, uint8_t ret[32])
{
	join(h, false);
	if (EVP_DigestFinal_ex(h->ctx, ret, NULL) != 1)
		abort();
	done(h);
}

void lr_hash_free(struct lr_hash *h)
{
	if (!h)
		return;
	join(h, true);
	done(h);
}

void lr_hash_once(const void *p, size_t n, uint8_t ret[32])
{
	if (EVP_Digest(p, n, ret, NULL, algorithm(), NULL) != 1)
		abort();
}
