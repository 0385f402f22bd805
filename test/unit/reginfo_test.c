/* application/reginfo+xml: RFC 3680 5. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/reginfo.h"
#include "test/shim/test.h"

#define NS   "xmlns=\"urn:ietf:params:xml:ns:reginfo\""
#define ROOT "<reginfo " NS " version=\"3\" state=\"full\">"
#define CONTACT(state, rest)                                                                       \
	"<contact id=\"1\" state=\"" state "\" " rest "><uri>sip:u@192.0.2.1:5062</uri></contact>"

static int read_text(const char *text, struct reginfo *out)
{
	return reginfo_read(text, strlen(text), out);
}

TEST(reginfo, what_is_written_is_read_again)
{
	static struct reginfo info, got;
	size_t n_bytes;
	char *text;

	info = (struct reginfo){ .version = 4000000000, .n_contacts = 3 };
	info.contacts[0] = (struct reginfo_contact){
		"sip:a@x.example", "sip:a@[2001:db8::1]:5062", true, REGINFO_SHORTENED, 60, true
	};
	info.contacts[1] = (struct reginfo_contact){
		"sip:a@x.example", "sip:<&'\">@x", false, REGINFO_REJECTED, 0, false
	};
	info.contacts[2] = (struct reginfo_contact){ .aor = "tel:+1" };
	ASSERT_EQ(reginfo_write(&info, &text, &n_bytes), 0);
	EXPECT_EQ(reginfo_read(text, n_bytes, &got), 0);
	EXPECT_MEM(&got, &info, sizeof(got));
	/* As a watcher of another maker sees it. */
	EXPECT_TRUE(memmem(text, n_bytes, "version=\"4000000000\" state=\"full\">", 34) != NULL);
	EXPECT_TRUE(memmem(text, n_bytes, "state=\"terminated\" event=\"rejected\"", 35) != NULL);
	free(text);
}

TEST(reginfo, every_event_has_its_name)
{
	static const char *const names[] = { "registered", "created",      "refreshed",
					     "shortened",  "expired",      "deactivated",
					     "probation",  "unregistered", "rejected" };
	static struct reginfo info, got;
	char event[32];

	for (unsigned i = 0; i < REGINFO_N_EVENTS; i++) {
		size_t n_bytes;
		char *text;

		info = (struct reginfo){ .n_contacts = 1 };
		info.contacts[0] = (struct reginfo_contact){ "sip:a@b", "sip:c@d",
							     false,     (enum reginfo_event)i,
							     0,         false };
		ASSERT_EQ(reginfo_write(&info, &text, &n_bytes), 0);
		snprintf(event, sizeof(event), "event=\"%s\"", names[i]);
		EXPECT_TRUE(memmem(text, n_bytes, event, strlen(event)) != NULL);
		EXPECT_EQ(reginfo_read(text, n_bytes, &got), 0);
		EXPECT_EQ(got.contacts[0].event, (enum reginfo_event)i);
		free(text);
	}
}

/* What a UE puts into its Contact does not spoil what its watchers get. */
TEST(reginfo, bytes_that_no_uri_has_are_escaped)
{
	static struct reginfo info, got;
	size_t n_bytes;
	char *text;

	info = (struct reginfo){ .n_contacts = 1 };
	info.contacts[0] = (struct reginfo_contact){ .aor = "sip:a@b", .uri = "sip:\xff\x80 z@d" };
	ASSERT_EQ(reginfo_write(&info, &text, &n_bytes), 0);
	ASSERT_EQ(reginfo_read(text, n_bytes, &got), 0);
	EXPECT_STREQ(got.contacts[0].uri, "sip:%FF%80%20z@d");
	free(text);
}

TEST(reginfo, documents_of_others_are_read)
{
	static struct reginfo got;

	ASSERT_EQ(read_text("<r:reginfo xmlns:r='urn:ietf:params:xml:ns:reginfo' xmlns:o='urn:o' "
			    "version='0' state='partial'><!-- a --><o:registration/>"
			    "<r:registration aor=' sip:a@b ' id='1' state='active'>"
			    "<r:contact id='2' state='active' event='later' expires='99999999999'>"
			    "<r:uri>\n sip:a@c \n</r:uri><r:display-name>A</r:display-name>"
			    "<r:unknown-param name='q'>1</r:unknown-param></r:contact>"
			    "</r:registration><r:registration aor='tel:+1' id='3' state='init'/>"
			    "</r:reginfo>",
			    &got),
		  0);
	EXPECT_TRUE(got.is_partial);
	ASSERT_EQ(got.n_contacts, 2);
	EXPECT_STREQ(got.contacts[0].aor, "sip:a@b");
	EXPECT_STREQ(got.contacts[0].uri, "sip:a@c");
	EXPECT_TRUE(got.contacts[0].is_active);
	EXPECT_EQ(got.contacts[0].event, REGINFO_REGISTERED);
	EXPECT_EQ(got.contacts[0].expires_s, UINT32_MAX);
	EXPECT_STREQ(got.contacts[1].aor, "tel:+1");
	EXPECT_STREQ(got.contacts[1].uri, "");
	EXPECT_FALSE(got.contacts[1].is_active);
}

TEST(reginfo, hostile_documents_are_refused)
{
	static const char *const bad[] = {
		"",
		"<reginfo",
		"<reginfo version='1' state='full'/>", /* of no namespace */
		"<reginfo " NS " state='full'/>",
		"<reginfo " NS " version='-1' state='full'/>",
		"<reginfo " NS " version='1'/>",
		"<other " NS " version='1' state='full'/>",
		"<!DOCTYPE reginfo>" ROOT "</reginfo>",
		"<!DOCTYPE r [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>" ROOT
		"<registration aor='&b;' id='1' state='active'/></reginfo>",
		"<!DOCTYPE r SYSTEM 'file:///etc/passwd'>" ROOT "</reginfo>",
		ROOT "<registration id='1' state='active'/></reginfo>",
		ROOT "<registration aor='sip:a@b' id='1'/></reginfo>",
		ROOT "<registration aor='a' id='1' state='active'><contact state='active'/>"
		     "</registration></reginfo>",
		ROOT "<registration aor='a' id='1' state='active'><contact><uri>a</uri></contact>"
		     "</registration></reginfo>",
		ROOT
		"<registration aor='a' id='1' state='active'>" CONTACT("active", "") "</reginfo>",
	};
	static struct reginfo got;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		test_context("%s", bad[i]);
		EXPECT_EQ(read_text(bad[i], &got), -EBADMSG);
		EXPECT_EQ(got.n_contacts, 0);
	}
	test_context(NULL);
}

TEST(reginfo, size_is_bounded)
{
	static const char one[] = "<registration aor='sip:a@b' id='1' state='active'>" CONTACT(
		"active", "event='registered'") "</registration>";
	static struct reginfo got;
	static char text[REGINFO_BYTES + 2];
	char uri[REGINFO_URI_BYTES + 1];
	size_t n = (size_t)snprintf(text, sizeof(text), ROOT);

	for (unsigned i = 0; i < REGINFO_CONTACTS; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", one);
	snprintf(text + n, sizeof(text) - n, "</reginfo>");
	EXPECT_EQ(read_text(text, &got), 0);
	EXPECT_EQ(got.n_contacts, REGINFO_CONTACTS);
	snprintf(text + n, sizeof(text) - n, "%s</reginfo>", one);
	EXPECT_EQ(read_text(text, &got), -EMSGSIZE);
	memset(uri, 'u', REGINFO_URI_BYTES);
	uri[REGINFO_URI_BYTES] = '\0';
	snprintf(text, sizeof(text),
		 ROOT "<registration aor='%s' id='1' state='active'/></reginfo>", uri);
	EXPECT_EQ(read_text(text, &got), -EMSGSIZE);
	memset(text, ' ', REGINFO_BYTES + 1);
	EXPECT_EQ(reginfo_read(text, REGINFO_BYTES + 1, &got), -EMSGSIZE);
}
