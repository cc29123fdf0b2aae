/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in files. A new key is written beside its place, synced and renamed
 * without replacing: of two programs that start at once, both end up with the
 * same key. */
#include "net/identity_i.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_MAX 4096
#define LINE_NAME    "LANRAM POOL KEYS" /* beside a pool's key */
#define SECURE_HEAP  (64u * 1024)

struct why {
	char *p;
	size_t cap;
};

static enum lr_err say(struct why *why, enum lr_err err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static enum lr_err say(struct why *why, enum lr_err err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (why->cap)
		vsnprintf(why->p, why->cap, fmt, ap);
	va_end(ap);
	return err;
}

static enum lr_err err_of(int error)
{
	if (error == EACCES || error == EPERM || error == EROFS)
		return LR_E_PERMISSION;
	return error == ENOMEM ? LR_E_NO_MEMORY : LR_E_IO;
}

/* --- the certificate --- */

/* Valid for ever: a device whose clock is wrong must still get in, and it is
 * the key that counts. */
static bool fill_cert(X509 *cert, EVP_PKEY *key,
		      const struct lr_succession *line)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_set_version(cert, X509_VERSION_3) &&
	       ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
	       ASN1_TIME_set_string_X509(X509_getm_notBefore(cert),
					 "19700101000000Z") &&
	       ASN1_TIME_set_string_X509(X509_getm_notAfter(cert),
					 "99991231235959Z") &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
					  (const uint8_t *)"lanram", -1, -1,
					  0) &&
	       X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key) &&
	       (!line->len || lr_succession_to_cert(line, cert)) &&
	       X509_sign(cert, key, NULL);
}

bool lr_identity_hash(EVP_PKEY *key, struct lr_dev *ret)
{
	uint8_t *der = NULL;
	int len = i2d_PUBKEY(key, &der);

	if (len <= 0)
		return false;
	SHA256(der, (size_t)len, ret->b);
	OPENSSL_free(der);
	return true;
}

/* OpenSSL keeps private keys in its secure heap once there is one. */
bool lr_identity_lock_memory(void)
{
	return CRYPTO_secure_malloc_initialized() ||
	       CRYPTO_secure_malloc_init(SECURE_HEAP, 32) == 1;
}

/* Takes the key over, also on failure. PROTOCOL: the line is another key's. */
static enum lr_err identity_of(EVP_PKEY *key, const struct lr_succession *line,
			       struct lr_identity **ret)
{
	static const struct lr_pool_key none;
	struct lr_identity *id = calloc(1, sizeof *id);
	enum lr_err err = LR_E_NO_MEMORY;
	struct lr_dev shown;

	if (!id) {
		EVP_PKEY_free(key);
		return LR_E_NO_MEMORY;
	}
	id->key = key;
	id->line = *line;
	id->cert = X509_new();
	if (id->cert && fill_cert(id->cert, key, line) &&
	    lr_identity_hash(key, &shown))
		err = lr_succession_follow(line, &shown, &none, &id->dev,
					   &id->last);
	if (err)
		lr_identity_free(id);
	else
		*ret = id;
	return err;
}

void lr_identity_free(struct lr_identity *id)
{
	if (!id)
		return;
	X509_free(id->cert);
	EVP_PKEY_free(id->key);
	free(id);
}

const struct lr_dev *lr_identity_dev(const struct lr_identity *id)
{
	return &id->dev;
}

const struct lr_succession *lr_identity_line(const struct lr_identity *id)
{
	return &id->line;
}

const struct lr_pool_key *lr_identity_last(const struct lr_identity *id)
{
	return &id->last;
}

enum lr_err lr_identity_make(struct lr_identity **ret)
{
	static const struct lr_succession none;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	return key ? identity_of(key, &none, ret) : LR_E_FAILED;
}

/* --- reading --- */

static enum lr_err check_file(const char *path, int fd, struct why *why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return say(why, err_of(errno), "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return say(why, LR_E_PERMISSION, "%s is not a plain file",
			   path);
	if (st.st_mode & 077)
		return say(why, LR_E_PERMISSION,
			   "%s can be read by others (mode %04o): chmod 600 "
			   "it, or remove it for a new key",
			   path, (unsigned)st.st_mode & 07777);
	return LR_E_OK;
}

/* An encrypted key would make OpenSSL ask on the terminal. */
static int no_passphrase_cb(char *buf, int size, int rw, void *arg)
{
	(void)buf;
	(void)size;
	(void)rw;
	(void)arg;
	return -1;
}

/* Most files hold none. */
static bool line_of_pem(BIO *bio, struct lr_succession *ret)
{
	unsigned char *data;
	long len;
	bool good;

	ret->len = 0;
	if (PEM_bytes_read_bio_secmem(&data, &len, NULL, LINE_NAME, bio,
				      no_passphrase_cb, NULL) != 1)
		return true;
	good = lr_succession_take(ret, data, (size_t)len);
	OPENSSL_secure_free(data);
	return good;
}

static EVP_PKEY *key_of_pem(const void *pem, size_t len,
			    struct lr_succession *ret_line)
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *key = NULL;

	if (bio)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase_cb,
					      NULL);
	if (key && !line_of_pem(bio, ret_line)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	BIO_free(bio);
	if (key && EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

/* -1 with errno; a file that is too long is cut, and then no key. */
static ssize_t read_all(int fd, char *buf, size_t cap)
{
	size_t have = 0;
	ssize_t n;

	while (have < cap) {
		n = read(fd, buf + have, cap - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static enum lr_err read_key(const char *path, int fd, struct lr_identity **ret,
			    struct why *why)
{
	char pem[KEY_FILE_MAX];
	enum lr_err err = check_file(path, fd, why);
	struct lr_succession line;
	EVP_PKEY *key;
	ssize_t n;

	if (err != LR_E_OK)
		return err;
	n = read_all(fd, pem, sizeof pem);
	if (n < 0)
		return say(why, err_of(errno), "%s: %s", path, strerror(errno));
	key = key_of_pem(pem, (size_t)n, &line);
	OPENSSL_cleanse(pem, sizeof pem);
	if (!key)
		return say(why, LR_E_CORRUPT,
			   "%s holds no Ed25519 key in PEM form: restore it, "
			   "or remove it for a new key",
			   path);
	err = identity_of(key, &line, ret);
	if (err == LR_E_PROTOCOL)
		return say(why, LR_E_CORRUPT,
			   "%s: the pool's keys beside the key do not lead to "
			   "it: restore it from a backup",
			   path);
	return err;
}

/* --- writing --- */

static bool make_parents(const char *path)
{
	char dir[PATH_MAX];

	if ((size_t)snprintf(dir, sizeof dir, "%s", path) >= sizeof dir) {
		errno = ENAMETOOLONG;
		return false;
	}
	for (char *p = strchr(dir + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0700) < 0 && errno != EEXIST)
			return false;
		*p = '/';
	}
	return true;
}

static bool write_all(int fd, const char *p, size_t n)
{
	ssize_t r;

	for (; n; p += r, n -= (size_t)r) {
		r = write(fd, p, n);
		if (r < 0 && errno == EINTR)
			r = 0;
		if (r < 0)
			return false;
	}
	return true;
}

static bool write_pem(int fd, EVP_PKEY *key, const struct lr_succession *line)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem = NULL;
	long len;
	bool ok = false;

	errno = ENOMEM;
	if (bio &&
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL,
					  NULL) &&
	    (!line->len || PEM_write_bio(bio, LINE_NAME, "", line->b,
					 (long)line->len) > 0)) {
		len = BIO_get_mem_data(bio, &pem);
		ok = len > 0 && write_all(fd, pem, (size_t)len) &&
		     fsync(fd) == 0;
	}
	BIO_free(bio);
	return ok;
}

bool lr_identity_sync(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	bool ok;
	int fd;

	snprintf(dir, sizeof dir, "%s", path);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = fsync(fd) == 0;
	close(fd);
	return ok;
}

/* Does not replace; where the file system cannot promise that, it may. */
static bool rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	return rename(from, to) == 0;
}

/* EEXIST: somebody was quicker. */
static bool save_key(const char *path, EVP_PKEY *key,
		     const struct lr_succession *line)
{
	char temp[PATH_MAX];
	uint64_t salt;
	int fd, saved;
	bool ok;

	lr_random(&salt, sizeof salt);
	if ((size_t)snprintf(temp, sizeof temp, "%s.%016llx.new", path,
			     (unsigned long long)salt) >= sizeof temp) {
		errno = ENAMETOOLONG;
		return false;
	}
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return false;
	ok = write_pem(fd, key, line) && rename_new(temp, path);
	saved = errno;
	close(fd);
	if (!ok)
		unlink(temp);
	else
		ok = lr_identity_sync(path);
	errno = ok ? 0 : saved;
	return ok;
}

static enum lr_err make_key(const char *path, struct lr_identity **ret,
			    struct why *why)
{
	struct lr_identity *id;
	enum lr_err err;

	if (!make_parents(path))
		return say(why, err_of(errno),
			   "cannot make the folder of %s: %s", path,
			   strerror(errno));
	err = lr_identity_make(&id);
	if (err != LR_E_OK)
		return say(why, err, "cannot make an Ed25519 key");
	if (!save_key(path, id->key, &id->line)) {
		err = errno == EEXIST ? LR_E_BUSY : err_of(errno);
		lr_identity_free(id);
		return say(why, err, "cannot write %s: %s", path,
			   strerror(errno));
	}
	*ret = id;
	return LR_E_OK;
}

enum lr_err lr_identity_save_new(const char *path, EVP_PKEY *key,
				 const struct lr_succession *line,
				 struct lr_identity **ret, char *why,
				 size_t cap)
{
	struct lr_identity *id;
	char fresh[PATH_MAX];
	enum lr_err err = identity_of(key, line, &id);

	if (err)
		return err;
	snprintf(fresh, sizeof fresh, "%s.new", path);
	unlink(fresh);
	if (!save_key(fresh, id->key, &id->line)) {
		err = err_of(errno);
		snprintf(why, cap, "cannot write %s: %s", fresh,
			 strerror(errno));
		lr_identity_free(id);
		return err;
	}
	*ret = id;
	return LR_E_OK;
}

enum lr_err lr_identity_open(const char *path, struct lr_identity **ret,
			     char *why_text, size_t why_cap)
{
	struct why why = {why_text, why_cap};
	enum lr_err err = LR_E_BUSY;
	int fd;

	/* The second round is for a key that somebody else made meanwhile. */
	for (int round = 0; round < 2 && err == LR_E_BUSY; round++) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (fd >= 0) {
			err = read_key(path, fd, ret, &why);
			close(fd);
			return err;
		}
		if (errno != ENOENT)
			return say(&why, err_of(errno), "%s: %s", path,
				   strerror(errno));
		err = make_key(path, ret, &why);
	}
	return err;
}
