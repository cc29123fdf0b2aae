/* SPDX-License-Identifier: Apache-2.0 */
/* A device's new key: how it is proven, where it lies, what links show, and
 * which keys a coordinator takes for whose. */
#include "net/rotation.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/coordinator/coordinator.h"
#include "net_kit.h"
#include "unit.h"

static char path[64];

static int folder(void **state)
{
	static char dir[] = "/tmp/lr-rotation-XXXXXX";

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/device.key", dir);
	return 0;
}

static int no_folder(void **state)
{
	char dir[64];

	(void)state;
	lr_rotation_discard(path);
	unlink(path);
	snprintf(dir, sizeof dir, "%.*s", (int)(strlen(path) - 11), path);
	return rmdir(dir);
}

static struct lr_identity *at(const char *file)
{
	struct lr_identity *id = NULL;
	char why[512];

	assert_int_equal(lr_identity_open(file, &id, why, sizeof why),
			 LR_E_OK);
	return id;
}

static struct lr_identity *fresh(void)
{
	struct lr_identity *id = NULL;
	char why[512];

	assert_int_equal(lr_rotation_make(path, &id, why, sizeof why),
			 LR_E_OK);
	return id;
}

static bool is(const struct lr_identity *a, const struct lr_identity *b)
{
	return lr_dev_eq(lr_identity_dev(a), lr_identity_dev(b));
}

/* The new key lies beside the old one, replaces what an earlier rotation left
 * there, and takes its place once. */
static void files(void **state)
{
	struct lr_identity *old = at(path), *first = fresh(), *second = fresh();
	struct lr_identity *now = at(path);
	struct stat st;
	char beside[80];

	(void)state;
	snprintf(beside, sizeof beside, "%s.new", path);
	assert_int_equal(stat(beside, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_false(is(first, second));
	assert_true(is(now, old));
	lr_identity_free(now);
	assert_true(lr_rotation_settle(path));
	now = at(path);
	assert_true(is(now, second));
	assert_false(lr_rotation_settle(path));
	lr_identity_free(fresh());
	lr_rotation_discard(path);
	assert_false(lr_rotation_settle(path));
	lr_identity_free(old);
	lr_identity_free(first);
	lr_identity_free(second);
	lr_identity_free(now);
}

/* The new key's signature counts for one old key in one pool, and tells which
 * key it is. */
static void proof(void **state)
{
	struct lr_dev pool = {{1}}, old = {{2}}, other = {{3}}, key, told;
	struct lr_identity *id = fresh();
	uint8_t p[LR_PROOF_BYTES];

	(void)state;
	assert_true(lr_rotation_sign(id, &pool, &old, &key, p));
	assert_true(lr_rotation_verify(&key, &pool, &old, p, sizeof p, &told));
	assert_true(lr_dev_eq(&told, lr_identity_dev(id)));
	assert_false(
		lr_rotation_verify(&key, &other, &old, p, sizeof p, &told));
	assert_false(
		lr_rotation_verify(&key, &pool, &other, p, sizeof p, &told));
	assert_false(
		lr_rotation_verify(&other, &pool, &old, p, sizeof p, &told));
	assert_false(lr_rotation_verify(&key, &pool, &old, p, sizeof p - 1,
					&told));
	p[9] ^= 1;
	assert_false(lr_rotation_verify(&key, &pool, &old, p, sizeof p, &told));
	lr_identity_free(id);
}

/* Until it is over, from the client's side. */
static void hang_up(struct kit *kit)
{
	if (kit->client.link)
		lr_link_close(kit->client.link, LR_E_OK);
	KIT_UNTIL(kit, !kit->client.link && !kit->server.link);
	kit->client = kit->server = (struct kit_side){0};
}

/* New links show the new key; what is open goes on. */
static void links(void **state)
{
	struct lr_identity *id = fresh();
	struct lr_dev was;
	struct kit kit;

	(void)state;
	kit_listen(&kit, KIT_TLS);
	was = *lr_identity_dev(kit.id[0]);
	kit_connect(&kit, &was);
	KIT_UNTIL(&kit, kit.client.opened && kit.server.link);
	assert_true(lr_tls_renew(kit.tls[0], id));
	lr_link_send(kit.client.link, LR_M_PUT, 0, NULL, 0, NULL);
	KIT_UNTIL(&kit, kit.server.frames == 1);
	hang_up(&kit);
	kit_connect(&kit, lr_identity_dev(id));
	KIT_UNTIL(&kit, kit.client.opened);
	hang_up(&kit);
	kit_connect(&kit, &was);
	KIT_UNTIL(&kit, kit.client.closed);
	assert_int_equal(kit.client.why, LR_E_WRONG_PEER);
	kit_done(&kit);
	lr_identity_free(id);
}

/* A device is its first key's; only its last one opens anything, and those
 * before it are known for what they are. */
static void whose(void **state)
{
	const struct lr_dev first = {{1}}, second = {{2}}, third = {{3}},
			    other = {{4}}, nobody = {{9}};
	struct lr_device_row rows[] = {
		{.dev = first, .key = third, .old = second, .roles = 1},
		{.dev = other, .roles = 2},
	};
	struct lr_coordinator *k = calloc(1, sizeof *k);

	(void)state;
	assert_non_null(k);
	k->devices = rows;
	k->n_devices = 2;
	assert_ptr_equal(lr_devices_of_key(k, &third), &rows[0]);
	assert_ptr_equal(lr_devices_of_key(k, &other), &rows[1]);
	assert_null(lr_devices_of_key(k, &first));
	assert_null(lr_devices_of_key(k, &second));
	assert_ptr_equal(lr_devices_as(k, &first), &rows[0]);
	assert_ptr_equal(lr_devices_as(k, &second), &rows[0]);
	assert_null(lr_devices_as(k, &nobody));
	assert_true(lr_devices_is_replaced(k, &first));
	assert_true(lr_devices_is_replaced(k, &second));
	assert_false(lr_devices_is_replaced(k, &third));
	assert_false(lr_devices_is_replaced(k, &other));
	assert_false(lr_devices_is_replaced(k, &nobody));
	free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(proof),
		cmocka_unit_test(links),
		cmocka_unit_test(whose),
	};

	return cmocka_run_group_tests(tests, folder, no_folder);
}
