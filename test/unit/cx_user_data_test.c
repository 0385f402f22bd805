/* User-Data, the profile in XML: TS 29.228 Annex E. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx.h"
#include "controlplane/cx_user_data.h"
#include "test/shim/test.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define PROFILE(inner)                                                                             \
	HEAD "<IMSSubscription><PrivateID>a@b</PrivateID><ServiceProfile>" inner                   \
	     "</ServiceProfile></IMSSubscription>"
#define ONE(identity) "<PublicIdentity><Identity>" identity "</Identity></PublicIdentity>"

static int read_text(const char *text, struct cx_saa *out)
{
	return cx_user_data_read(text, strlen(text), out);
}

TEST(cx_user_data, profile_is_read_as_it_was_written)
{
	static const struct cx_saa profile = {
		3, { { "sip:a@example.net", 0 }, { "tel:+1", 1 }, { "sip:<&'\">@x", 0 } }, ""
	};
	struct cx_saa got;
	size_t n_bytes;
	char *text;

	ASSERT_EQ(cx_user_data_write("a&b@example.net", &profile, &text, &n_bytes), 0);
	EXPECT_EQ(cx_user_data_read(text, n_bytes, &got), 0);
	EXPECT_MEM(&got, &profile, sizeof(got));
	EXPECT_TRUE(memmem(text, n_bytes, "<PrivateID>a&amp;b@example.net</PrivateID>", 42) !=
		    NULL);
	free(text);
}

/* As an HSS of another maker may send it. */
TEST(cx_user_data, what_we_have_no_use_for_is_passed_over)
{
	struct cx_saa got;

	ASSERT_EQ(read_text("<IMSSubscription xmlns:x='u'><PrivateID>p</PrivateID><!-- a -->"
			    "<ServiceProfile><PublicIdentity>\n<BarringIndication> true "
			    "</BarringIndication><Identity>\n sip:a@b \n</Identity><Extension>"
			    "<IdentityType>0</IdentityType></Extension></PublicIdentity>"
			    "<InitialFilterCriteria><Priority>0</Priority></InitialFilterCriteria>"
			    "</ServiceProfile><ServiceProfile>" ONE("tel:+1") "</ServiceProfile>"
									      "</IMSSubscription>",
			    &got),
		  0);
	EXPECT_EQ(got.n_impus, 2);
	EXPECT_STREQ(got.impus[0].impu, "sip:a@b");
	EXPECT_EQ(got.impus[0].barred, 1);
	EXPECT_STREQ(got.impus[1].impu, "tel:+1");
	EXPECT_EQ(got.impus[1].barred, 0);
}

TEST(cx_user_data, hostile_documents_are_refused)
{
	static const struct {
		const char *text;
		int rc;
	} claims[] = {
		{ PROFILE(ONE("sip:a@b")), 0 },
		{ "", -EBADMSG },
		{ "x", -EBADMSG },
		{ "<IMSSubscription>", -EBADMSG },
		{ "<Other>" ONE("sip:a@b") "</Other>", -EBADMSG },
		{ PROFILE(""), -EBADMSG },
		{ PROFILE("<PublicIdentity/>"), -EBADMSG },
		{ PROFILE(ONE("")), -EBADMSG },
		{ PROFILE("<PublicIdentity><Identity>a</Identity><Identity>b</Identity>"
			  "</PublicIdentity>"),
		  -EBADMSG },
		{ PROFILE("<PublicIdentity><BarringIndication>maybe</BarringIndication>"
			  "<Identity>a</Identity></PublicIdentity>"),
		  -EBADMSG },
		/* entities: from a file, from the network, and a thousand out of one */
		{ "<!DOCTYPE a [<!ENTITY e SYSTEM '/etc/passwd'>]>"
		  "<IMSSubscription><ServiceProfile>" ONE("&e;") "</ServiceProfile>"
								 "</IMSSubscription>",
		  -EBADMSG },
		{ "<!DOCTYPE a SYSTEM 'http://example.com/a.dtd'>"
		  "<IMSSubscription><ServiceProfile>" ONE("sip:a@b") "</ServiceProfile>"
								     "</IMSSubscription>",
		  -EBADMSG },
		{ PROFILE(ONE("&e;")), -EBADMSG },
		/* what is in a header would end it */
		{ PROFILE(ONE("sip:a@b>&#13;&#10;Service-Route: &lt;sip:c")), -EBADMSG },
		{ PROFILE(ONE("sip:a@b>\nService-Route: &lt;sip:c")), -EBADMSG },
		{ PROFILE(ONE("sip:a@b&#127;")), -EBADMSG },
	};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct cx_saa got;

		test_context("row %zu", i);
		EXPECT_EQ(read_text(claims[i].text, &got), claims[i].rc);
		EXPECT_EQ(got.n_impus, claims[i].rc == 0 ? 1 : 0);
	}
}

TEST(cx_user_data, more_than_fits_is_refused_whole)
{
	static char text[CX_USER_DATA_BYTES + 2];
	struct cx_saa got;
	size_t n;

	for (unsigned n_impus = CX_MAX_IMPUS; n_impus <= CX_MAX_IMPUS + 1; n_impus++) {
		n = (size_t)snprintf(text, CX_USER_DATA_BYTES, "<IMSSubscription><ServiceProfile>");
		for (unsigned i = 0; i < n_impus; i++)
			n += (size_t)snprintf(text + n, CX_USER_DATA_BYTES - n, ONE("sip:%u@b"), i);
		n += (size_t)snprintf(text + n, CX_USER_DATA_BYTES - n,
				      "</ServiceProfile></IMSSubscription>");
		EXPECT_EQ(cx_user_data_read(text, n, &got), n_impus > CX_MAX_IMPUS ? -EMSGSIZE : 0);
		EXPECT_EQ(got.n_impus, n_impus > CX_MAX_IMPUS ? 0 : CX_MAX_IMPUS);
	}
	memset(text, ' ', CX_USER_DATA_BYTES + 1);
	EXPECT_EQ(cx_user_data_read(text, CX_USER_DATA_BYTES + 1, &got), -EMSGSIZE);
	n = (size_t)snprintf(text, CX_USER_DATA_BYTES, "%s",
			     PROFILE("<PublicIdentity><Identity>sip:"));
	n = (size_t)(strstr(text, "sip:") - text) + 4;
	memset(text + n, 'a', CX_IDENTITY_BYTES);
	strcpy(text + n + CX_IDENTITY_BYTES,
	       "</Identity></PublicIdentity></ServiceProfile></IMSSubscription>");
	EXPECT_EQ(read_text(text, &got), -EMSGSIZE);
}
