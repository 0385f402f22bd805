#include <stdlib.h>

#include "controlplane/table.h"
#include "test/shim/test.h"

#define N_OBJECTS 40000 /* more than room_shrink() gives back at a time */

struct object {
	struct table_node node;
	uint64_t key;
	bool is_in;
};

static struct object objects[N_OBJECTS];
static struct table *table;

static uint64_t hash_of(uint64_t key)
{
	return table_hash(table, 0, &key, sizeof(key));
}

static void put(struct object *o)
{
	table_add(table, &o->node, hash_of(o->key));
	o->is_in = true;
}

static void drop(struct object *o)
{
	table_remove(table, &o->node);
	o->is_in = false;
}

/* How many objects of its key are found before it; −1: it is not. */
static int place_of(const struct object *o)
{
	int place = 0;
	for (struct table_node *n = table_first(table, hash_of(o->key)); n; n = table_next(n)) {
		const struct object *other = table_entry(n, struct object, node);
		if (other == o)
			return place;
		place += other->key == o->key;
	}
	return -1;
}

static void begin(size_t expected)
{
	table = table_new(expected);
	ASSERT_TRUE(table != NULL);
	for (unsigned i = 0; i < N_OBJECTS; i++)
		objects[i] = (struct object){ .key = i };
}

static unsigned check_all(void)
{
	unsigned n_wrong = 0, n = 0;
	for (unsigned i = 0; i < N_OBJECTS; i++) {
		n_wrong += place_of(&objects[i]) != (objects[i].is_in ? 0 : -1);
		n += objects[i].is_in;
	}
	EXPECT_EQ(table_count(table), n);
	return n_wrong;
}

TEST(table, finds_what_is_in_it_and_nothing_else_while_it_grows_and_shrinks)
{
	/* More room than objects, and less: then the chains are longer. */
	static const struct {
		size_t room;
		unsigned n_objects;
	} of[] = { { 0, 200 }, { 100, 1000 }, { 4096, N_OBJECTS }, { 1 << 20, N_OBJECTS } };
	for (unsigned r = 0; r < sizeof(of) / sizeof(of[0]); r++) {
		test_context("room for %zu", of[r].room);
		begin(of[r].room);
		srand(r + 1);
		for (unsigned round = 0; round < 10; round++) {
			bool grows = round % 5 < 3;
			for (unsigned i = 0; i < 2 * of[r].n_objects; i++) {
				struct object *o = &objects[(unsigned)rand() % of[r].n_objects];
				if (o->is_in && (!grows || rand() % 8 == 0))
					drop(o);
				else if (!o->is_in && (grows || rand() % 8 == 0))
					put(o);
			}
			EXPECT_EQ(check_all(), 0);
		}
		for (unsigned i = 0; i < N_OBJECTS; i++)
			if (objects[i].is_in)
				drop(&objects[i]);
		EXPECT_EQ(table_count(table), 0);
		EXPECT_EQ(check_all(), 0);
		table_free(table);
	}
}

TEST(table, of_one_hash_the_last_one_added_is_found_first_whatever_came_and_went)
{
	begin(N_OBJECTS);
	for (unsigned i = 0; i < 8; i++)
		objects[i].key = 7;
	for (unsigned i = 0; i < 8; i++)
		put(&objects[i]);
	for (unsigned n = 8; n < N_OBJECTS; n++)
		put(&objects[n]);
	for (unsigned n = N_OBJECTS; n-- > 8;)
		drop(&objects[n]);
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(place_of(&objects[i]), 7 - i);
	table_free(table);
}

static unsigned n_seen;

static void see_and_remove(void *user, struct table_node *n)
{
	struct object *o = table_entry(n, struct object, node);
	EXPECT_TRUE(o->is_in);
	n_seen++;
	if (!user || o->key % 16)
		drop(o);
}

TEST(table, a_visit_sees_each_object_once_though_it_removes_them)
{
	begin(N_OBJECTS);
	for (unsigned i = 0; i < N_OBJECTS; i++)
		put(&objects[i]);
	n_seen = 0;
	table_visit(table, see_and_remove, table);
	EXPECT_EQ(n_seen, N_OBJECTS);
	EXPECT_EQ(check_all(), 0);
	n_seen = 0;
	table_visit(table, see_and_remove, NULL);
	EXPECT_EQ(n_seen, (N_OBJECTS + 15) / 16);
	EXPECT_EQ(table_count(table), 0);
	table_free(table);
}
