/*
 * What the configuration refuses, and in which words: one row for each kind of error.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config.h"
#include "test/shim/test.h"

/* Whole files are made of these, so that a row shows only what is wrong with it. */
#define ZONE                                                                                       \
	"    - name: access\n"                                                                     \
	"      network_port: net_null0\n"                                                          \
	"      kernel_port: net_null1\n"
#define PORTS                                                                                      \
	"      port_ps: 5063\n"                                                                    \
	"      port_pc_first: 6000\n"                                                              \
	"      n_port_pc: 16\n"
#define DATAPLANE                                                                                  \
	"dataplane:\n"                                                                             \
	"  worker_cores: [1]\n"
#define ZONES        "  zones:\n" ZONE PORTS
#define CONTROLPLANE "controlplane: {realm: example.net}\n"
#define PCSCF                                                                                      \
	"  core_address: 192.0.2.2\n"                                                              \
	"  icscf: sip:192.0.2.3:5060\n"                                                            \
	"  visited_network: example.net\n"                                                         \
	"  integrity: [hmac-sha-1-96]\n"                                                           \
	"  encryption: [aes-cbc]\n"
#define ALGORITHMS(encryption, integrity)                                                          \
	EDGE "pcscf:\n  zone: access\n  addresses: [192.0.2.1]\n"                                  \
	     "  core_address: 192.0.2.2\n  icscf: sip:192.0.2.3:5060\n"                            \
	     "  visited_network: example.net\n  encryption: [" encryption "]\n"                    \
	     "  integrity: [" integrity "]\n"
#define DIAMETER(own, peer, address, other)                                                        \
	CONTROLPLANE "cx: {transport: diameter, identity: a.net, address: " own                    \
		     ", peers: [{identity: " peer ", address: " address "}, {identity: " other     \
		     "}]}\n"
#define EDGE DATAPLANE ZONES CONTROLPLANE /* 10 lines */

static const struct {
	const char *text;
	const char *error; /* after the name of the file */
} rows[] = {
	/* YAML itself */
	{ "", ":1:1: found an empty file, expected a section such as dataplane" },
	{ "# nothing\n", ":1:1: found an empty file, expected a section such as dataplane" },
	{ "dataplane: [", ":2:1: found broken YAML (did not find expected node content), expected "
			  "valid YAML" },
	{ "hss:\n\tdatabase: /a\n",
	  ":2:1: found a tab, expected blanks: YAML indents with nothing else" },
	{ "hss:\n  # \xc3\xa4\n  \tdatabase: /a\n",
	  ":3:3: found a tab, expected blanks: YAML indents with nothing else" },
	{ "hss: {database: @\t}", ":1:17: found broken YAML (found character that cannot start any "
				  "token), expected valid YAML" },
	{ "hss: {database: \"\xff\"}", ":1:18: found broken YAML (invalid leading UTF-8 octet), "
				       "expected valid YAML" },
	{ "hss: {}\n---\nhss: {}\n",
	  ":2:1: found a second document, expected one document in a file" },
	{ "hss: &a {database: /a}",
	  ":1:6: found an anchor or alias, expected plain values: they are not allowed here" },
	{ "hss: *a",
	  ":1:6: found an anchor or alias, expected plain values: they are not allowed here" },
	{ "a: [[[[[[[[[[]]]]]]]]]]", ":1:11: found too deep nesting, expected at most 8 levels" },

	/* keys */
	{ "[1]", ":1:1: found a list for the file, expected a mapping of keys" },
	{ "{}", ":1:1: found no section, expected one such as dataplane" },
	{ "hss: {databse: /a}",
	  ":1:7: found unknown key \"databse\", expected database (did you mean that?)" },
	{ "foo: 1\n", ":1:1: found unknown key \"foo\", expected one of dataplane, controlplane, "
		      "tls, cx, pcscf, icscf, scscf, hss" },
	{ "hss: {database: /a, database: /b}",
	  ":1:21: found key database again, expected it once" },
	{ "hss: {[a]: 1}", ":1:7: found a list, expected a key" },
	{ "hss: {}", ":1:6: found no key database in hss, expected it" },
	{ "hss: {\"database\\0x\": /a}",
	  ":1:7: found unknown key \"database?x\", expected database "
	  "(did you mean that?)" },
	{ DATAPLANE "  zones:\n    - name: a\n",
	  ":4:7: found no key network_port in zones, expected it" },

	/* types */
	{ "hss: 5", ":1:6: found \"5\" for hss, expected a mapping of keys" },
	{ "hss:\n", ":1:5: found nothing for hss, expected a mapping of keys" },
	{ "dataplane: {worker_cores: 1}", ":1:27: found \"1\" for worker_cores, expected a list" },
	{ "dataplane: {worker_cores: []}",
	  ":1:27: found 0 entries for worker_cores, expected 1 to 64" },
	{ "dataplane: {worker_cores: [a]}",
	  ":1:28: found \"a\" for worker_cores, expected a number from 0 to 1023" },
	{ "dataplane: {zones: [5]}", ":1:21: found \"5\" for zones, expected a mapping of keys" },
	{ "dataplane: {n_mbufs: many}",
	  ":1:22: found \"many\" for n_mbufs, expected a number from 1024 to 16777216" },
	{ "dataplane: {n_mbufs: \"4096\"}",
	  ":1:22: found the text \"4096\" for n_mbufs, expected a number without quotes" },
	{ "dataplane: {n_mbufs: 04096}",
	  ":1:22: found \"04096\" for n_mbufs, expected a number from 1024 to 16777216" },
	{ "dataplane: {n_mbufs: -1}",
	  ":1:22: found \"-1\" for n_mbufs, expected a number from 1024 to 16777216" },
	{ "dataplane: {n_mbufs: 1.5}",
	  ":1:22: found \"1.5\" for n_mbufs, expected a number from 1024 to 16777216" },
	{ "dataplane: {n_mbufs: {}}",
	  ":1:22: found a mapping for n_mbufs, expected a number from 1024 to 16777216" },
	{ "dataplane: {hugepages: maybe}",
	  ":1:24: found \"maybe\" for hugepages, expected true or false" },
	{ "dataplane: {sa: {orphans: leave}}",
	  ":1:27: found \"leave\" for orphans, expected keep or delete" },
	{ "pcscf: {sa_profile: three}",
	  ":1:21: found \"three\" for sa_profile, expected two-pairs or single-pair" },
	{ "pcscf: {nat: yes}", ":1:14: found \"yes\" for nat, expected refuse or UDP-enc-tun" },
	{ "pcscf: {nat_networks: [10.0.0.1/8]}",
	  ":1:24: found \"10.0.0.1/8\" for nat_networks, expected ADDRESS/BITS without bits behind "
	  "the prefix" },
	{ "pcscf: {nat_networks: [10.0.0.0/33]}", ":1:24: found \"10.0.0.0/33\" for nat_networks, "
						  "expected ADDRESS/BITS without bits behind "
						  "the prefix" },
	{ "icscf: {trusted: [10.0.0.1/8]}",
	  ":1:19: found \"10.0.0.1/8\" for trusted, expected an address, or ADDRESS/BITS without "
	  "bits behind the prefix" },
	{ "scscf: {trusted: [icscf.example.net]}",
	  ":1:19: found \"icscf.example.net\" for trusted, expected an address, or ADDRESS/BITS "
	  "without bits behind the prefix" },
	{ EDGE "pcscf:\n  zone: access\n  addresses: [192.0.2.1]\n  nat: UDP-enc-tun\n" PCSCF,
	  ":14:8: found UDP-enc-tun for nat and zone access without port_encap, expected a zone "
	  "that "
	  "has ESP in UDP" },
	{ "pcscf: {indicator: yes}", ":1:20: found \"yes\" for indicator, expected no or nothing" },
	{ "hss: {database: /a, visited_networks: [a_b]}",
	  ":1:40: found \"a_b\" for visited_networks, expected a domain name" },
	{ "hss: {database: [/a]}", ":1:17: found a list for database, expected an absolute path" },
	{ "hss: {database: }", ":1:17: found nothing for database, expected an absolute path" },
	{ "hss: {database: \"\"}", ":1:17: found \"\" for database, expected an absolute path" },
	{ "hss: {database: \"/a\\0b\"}",
	  ":1:17: found \"/a?b\" for database, expected an absolute path" },

	/* ranges */
	{ "dataplane: {n_mbufs: 1023}",
	  ":1:22: found \"1023\" for n_mbufs, expected a number from 1024 to 16777216" },
	{ "dataplane: {n_mbufs: 99999999999999999999}",
	  ":1:22: found \"99999999999999999999\" for n_mbufs, expected a number from 1024 to "
	  "16777216" },
	{ "dataplane: {sa: {replay_window_pkts: 31}}",
	  ":1:38: found \"31\" for replay_window_pkts, expected a number from 32 to 2048" },
	{ "dataplane: {sa: {capacity: 512}}",
	  ":1:28: found \"512\" for capacity, expected a number from 1024 to 4194304" },
	{ "dataplane: {fragments: {timeout_s: 61}}",
	  ":1:36: found \"61\" for timeout_s, expected a number from 1 to 60" },
	{ "dataplane: {zones: [{flood: {source_burst_pkts: 0}}]}",
	  ":1:49: found \"0\" for source_burst_pkts, expected a number from 1 to 10000" },
	{ "dataplane: {zones: [{vlan: 4095}]}",
	  ":1:28: found \"4095\" for vlan, expected a number from 0 to 4094" },
	{ "pcscf: {port: 0}", ":1:15: found \"0\" for port, expected a number from 1 to 65535" },

	/* texts */
	{ "dataplane: {socket: run/a}", ":1:21: found \"run/a\" for socket, expected an absolute "
					"path of at most 107 bytes" },
	{ "dataplane: {file_prefix: ../x}",
	  ":1:26: found \"../x\" for file_prefix, expected a name of letters, digits, '-', '_' and "
	  "'.'" },
	{ "dataplane: {zones: [{network_port: eth0}]}",
	  ":1:36: found \"eth0\" for network_port, expected a PCI address or a DPDK device "
	  "string" },
	{ "dataplane: {zones: [{network_port: \"0000:3b:00.8\"}]}",
	  ":1:36: found \"0000:3b:00.8\" for network_port, expected a PCI address or a DPDK device "
	  "string" },
	{ "controlplane: {realm: -a.net}",
	  ":1:23: found \"-a.net\" for realm, expected a domain name" },
	{ "pcscf: {addresses: [10.0.0.256]}",
	  ":1:21: found \"10.0.0.256\" for addresses, expected a unicast IPv4 or IPv6 address" },
	{ "pcscf: {addresses: [0.0.0.0]}",
	  ":1:21: found \"0.0.0.0\" for addresses, expected a unicast IPv4 or IPv6 address" },
	{ "pcscf: {addresses: [\"ff02::1\"]}",
	  ":1:21: found \"ff02::1\" for addresses, expected a unicast IPv4 or IPv6 address" },
	{ "pcscf: {device: interface-name-x}",
	  ":1:17: found \"interface-name-x\" for device, expected the name of a kernel interface, "
	  "or \"\"" },
	{ "pcscf: {icscf: \"sip:192.0.2.1\"}",
	  ":1:16: found \"sip:192.0.2.1\" for icscf, expected sip:ADDRESS:PORT" },
	{ "pcscf: {icscf: \"sip:fd00::1:5060\"}",
	  ":1:16: found \"sip:fd00::1:5060\" for icscf, expected sip:ADDRESS:PORT" },
	{ "pcscf: {icscf: \"sip:example.net:5060\"}",
	  ":1:16: found \"sip:example.net:5060\" for icscf, expected sip:ADDRESS:PORT" },
	{ "pcscf: {integrity: [hmac-sha-256]}",
	  ":1:21: found \"hmac-sha-256\" for integrity, expected hmac-sha-1-96, hmac-md5-96, "
	  "aes-gmac or \"null\"" },
	{ "pcscf: {encryption: [des]}",
	  ":1:22: found \"des\" for encryption, expected \"null\", aes-cbc, des-ede3-cbc or "
	  "aes-gcm" },
	{ "scscf: {algorithm: MD5}",
	  ":1:20: found \"MD5\" for algorithm, expected AKAv1-MD5, AKAv2-MD5 or both" },

	{ "scscf: {n_vectors: 17}",
	  ":1:20: found \"17\" for n_vectors, expected a number from 1 to 16" },

	{ DATAPLANE "  fragments: {n_datagrams: 100}\n" ZONES,
	  ":3:28: found 100 for n_datagrams, expected a power of two" },

	/* connections of SIP */
	{ "controlplane: {tcp: {message_s: 0}}",
	  ":1:33: found \"0\" for message_s, expected a number from 1 to 600" },
	{ "controlplane: {realm: a.net, tcp: {n_strangers: 20, n_of_stranger: 21}}",
	  ":1:68: found 21 for n_of_stranger, expected at most n_strangers, 20" },
	{ "controlplane: {realm: a.net, core_security: ipsec}",
	  ":1:45: found \"ipsec\" for core_security, expected none or tls or protected" },
	{ "controlplane: {realm: a.net, core_security: tls}",
	  ":1:45: found tls without the section tls, expected its certificates" },
	{ "controlplane: {realm: a.net}\ncx: {security: tls}\n",
	  ":2:16: found tls without the section tls, expected its certificates" },
	{ "tls: {certificate: a.pem, key: /b, authorities: /c}",
	  ":1:20: found \"a.pem\" for certificate, expected an absolute path" },
	{ "tls: {certificate: /a, key: /b, authorities: /c, names: [{address: 192.0.2.1, name: "
	  "a_b}]}",
	  ":1:85: found \"a_b\" for name, expected a domain name" },

	/* rules between keys: the SA table */
	{ DATAPLANE "  sa: {capacity: 3000}\n" ZONES,
	  ":3:18: found 3000 for capacity, expected a power of two" },
	{ DATAPLANE "  sa: {capacity: 4194304, spi_slice_bits: 1}\n" ZONES,
	  ":3:7: found an SPI of 33 bits (generation_bits 10 + spi_slice_bits 1 + 22 for "
	  "capacity), "
	  "expected at most 32" },
	{ DATAPLANE "  sa: {generation_bits: 3}\n" ZONES,
	  ":3:25: found \"3\" for generation_bits, expected a number from 4 to 10" },
	{ DATAPLANE "  sa: {spi_slice: 1}\n" ZONES,
	  ":3:19: found 1 for spi_slice, expected less than 2^spi_slice_bits = 1" },
	{ DATAPLANE "  sa: {spi_slice: 4, spi_slice_bits: 2}\n" ZONES,
	  ":3:19: found 4 for spi_slice, expected less than 2^spi_slice_bits = 4" },
	{ DATAPLANE "  sa: {replay_window_pkts: 129}\n" ZONES,
	  ":3:28: found 129 for replay_window_pkts without n_wide_windows, expected at most 128" },

	/* crypto devices */
	{ "dataplane: {crypto: {lookaside: some}}",
	  ":1:33: found \"some\" for lookaside, expected none or encrypted or tunnels or all" },
	{ "dataplane: {crypto: {n_sessions: 0}}",
	  ":1:34: found \"0\" for n_sessions, expected a number from 1 to 4194304" },
	{ "dataplane: {crypto: {devices: [\"\"]}}",
	  ":1:32: found \"\" for devices, expected a PCI address or a DPDK device string" },
	{ DATAPLANE "  crypto: {lookaside: all}\n" ZONES,
	  ":3:23: found lookaside without devices, expected devices" },
	{ DATAPLANE "  crypto: {queue_entries: 65}\n" ZONES,
	  ":3:27: found 65 for queue_entries, expected a power of two" },
	{ DATAPLANE "  crypto: {devices: [\"crypto_null0\", \"crypto_null0,a=1\"]}\n" ZONES,
	  ":3:38: found crypto_null0,a=1 again in devices, expected each device once" },

	/* quotas */
	{ "dataplane: {quotas: [{client: a, max_sas: 0}]}",
	  ":1:43: found \"0\" for max_sas, expected a number from 1 to 4194304" },
	{ "dataplane: {quotas: [{client: a-name-of-thirty-two-letters-too}]}",
	  ":1:31: found \"a-name-of-thirty-two-letters-too\" for client, expected a name of at "
	  "most 31 letters, digits, '-', '_' and '.'" },
	{ DATAPLANE "  quotas: [{client: a, max_sas: 1}, {client: a, max_sas: 2}]\n" ZONES,
	  ":3:46: found a quota of a again, expected each client once" },

	/* cores */
	{ "dataplane:\n  worker_cores: [1, 0]\n" ZONES,
	  ":2:21: found the control_core 0 among worker_cores, expected another core, "
	  "or idle_sleep_us" },
	{ "dataplane:\n  worker_cores: [3, 4, 3]\n" ZONES,
	  ":2:24: found core 3 again in worker_cores, expected each core once" },
	{ DATAPLANE "  active_workers: 2\n" ZONES,
	  ":3:19: found 2 for active_workers, expected at most as many as worker_cores, 1" },

	/* zones */
	{ DATAPLANE ZONES ZONE, ":10:13: found zone access again, expected each name once" },
	{ DATAPLANE ZONES "    - {name: b, network_port: net_null0, kernel_port: net_null2}\n",
	  ":10:31: found the network_port and vlan 0 of zone access again, expected another port "
	  "or "
	  "vlan" },
	{ DATAPLANE ZONES
	  "    - {name: b, network_port: \"net_null0,size=9\", vlan: 5, kernel_port: "
	  "net_null2}\n",
	  ":10:31: found the network_port of zone access with other arguments, expected the same "
	  "text" },
	{ DATAPLANE ZONES "    - {name: b, network_port: net_null3, kernel_port: net_null1}\n",
	  ":10:55: found the kernel_port of zone access again, expected one of its own for each "
	  "zone" },
	{ DATAPLANE ZONES "    - {name: b, network_port: net_null3, kernel_port: net_null0}\n",
	  ":10:55: found the network_port of zone access as kernel_port, expected another device" },
	{ DATAPLANE "  zones:\n" ZONE "      port_ps: 5063\n",
	  ":4:7: found port_ps 5063, port_pc_first 0 and n_port_pc 0 in zone access, expected all "
	  "of them or none" },
	{ DATAPLANE "  zones:\n" ZONE
		    "      port_ps: 6015\n      port_pc_first: 6000\n      n_port_pc: 16\n",
	  ":7:16: found port_ps 6015 inside the port_pc pool 6000 to 6015, expected it outside" },
	{ DATAPLANE "  zones:\n" ZONE
		    "      port_ps: 5063\n      port_pc_first: 65535\n      n_port_pc: 2\n",
	  ":8:22: found a port_pc pool from 65535 to 65536, expected its end at most at 65535" },
	{ DATAPLANE "  zones:\n" ZONE "      port_encap: 6001\n"
		    "      port_ps: 5063\n      port_pc_first: 6000\n      n_port_pc: 2\n",
	  ":7:19: found the protected port 6001 for port_encap, expected another" },

	/* roles */
	{ "hss: {database: /a}\n",
	  ":1:6: found hss without controlplane, expected the controlplane section" },
	{ CONTROLPLANE "pcscf:\n  zone: access\n  addresses: [192.0.2.1]\n" PCSCF,
	  ":3:3: found pcscf without dataplane, expected the dataplane section that has its zone" },
	{ EDGE "pcscf:\n  zone: acess\n  addresses: [192.0.2.1]\n" PCSCF,
	  ":12:9: found zone acess, expected the name of one of dataplane.zones" },
	{ DATAPLANE "  zones:\n" ZONE CONTROLPLANE
		    "pcscf:\n  zone: access\n  addresses: [192.0.2.1]\n" PCSCF,
	  ":9:9: found zone access without port_ps, expected a zone with protected ports" },
	{ DATAPLANE
	  "  zones:\n" ZONE
	  "      port_ps: 5063\n      port_pc_first: 6000\n      n_port_pc: 1\n" CONTROLPLANE
	  "pcscf:\n  zone: access\n  addresses: [192.0.2.1]\n" PCSCF,
	  ":9:18: found 1 for n_port_pc, expected at least 2: a new SA set needs another port_pc" },
	{ EDGE "pcscf:\n  zone: access\n  port: 5063\n  addresses: [192.0.2.1]\n" PCSCF,
	  ":13:9: found protected port 5063 of zone access on 192.0.2.1, expected a port that is "
	  "neither port_ps nor in the port_pc pool" },
	{ EDGE "pcscf:\n  zone: access\n  port: 6015\n  addresses: [192.0.2.1]\n" PCSCF,
	  ":13:9: found protected port 6015 of zone access on 192.0.2.1, expected a port that is "
	  "neither port_ps nor in the port_pc pool" },
	{ EDGE "pcscf:\n  zone: access\n  addresses: [192.0.2.1, 192.0.2.2]\n" PCSCF,
	  ":12:3: found 192.0.2.2 port 5060 of pcscf.port again, expected another address or "
	  "port" },
	{ EDGE "pcscf:\n  zone: access\n  addresses: [192.0.2.1]\n" PCSCF
	       "  core_port: 5070\nicscf: {address: \"::ffff:192.0.2.2\", port: 5070, scscf: "
	       "\"sip:192.0.2.4:5060\"}\n",
	  ":20:44: found ::ffff:192.0.2.2 port 5070 of pcscf.core_port again, expected another "
	  "address or port" },
	{ CONTROLPLANE "icscf: {address: 192.0.2.4, scscf: \"sip:192.0.2.4:5060\"}\n"
		       "scscf: {address: 192.0.2.4}\n",
	  ":3:8: found 192.0.2.4 port 5060 of icscf.port again, expected another address or port" },
	{ EDGE "pcscf:\n  zone: access\n  addresses: [192.0.2.1]\n" PCSCF
	       "scscf: {address: 192.0.2.1, port: 6001}\n",
	  ":19:35: found protected port 6001 of zone access on 192.0.2.1, expected a port that is "
	  "neither port_ps nor in the port_pc pool" },
	{ EDGE "pcscf:\n  zone: access\n  addresses: [192.0.2.1]\n"
	       "  core_address: 192.0.2.2\n  icscf: sip:192.0.2.3:5060\n"
	       "  visited_network: example.net\n  encryption: [aes-cbc]\n"
	       "  integrity: [hmac-md5-96, hmac-md5-96]\n",
	  ":18:28: found hmac-md5-96 again in integrity, expected it once" },
	{ ALGORITHMS("aes-cbc, aes-gcm", "hmac-md5-96"),
	  ":17:25: found aes-gcm for encryption, expected one in integrity that goes with it" },
	{ ALGORITHMS("\"null\"", "aes-gmac, \"null\""),
	  ":18:25: found null for integrity, expected one in encryption that goes with it" },
	{ ALGORITHMS("aes-cbc", "hmac-md5-96, aes-gmac"),
	  ":18:28: found aes-gmac for integrity, expected one in encryption that goes with it" },
	{ ALGORITHMS("aes-gcm", "\"null\", hmac-md5-96"),
	  ":18:23: found hmac-md5-96 for integrity, expected one in encryption that goes with "
	  "it" },
	{ ALGORITHMS("\"null\", des-ede3-cbc", "aes-gmac"),
	  ":17:24: found des-ede3-cbc for encryption, expected one in integrity that goes with "
	  "it" },
	{ CONTROLPLANE "scscf: {address: 192.0.2.4, min_expires_s: 61, max_expires_s: 60}\n",
	  ":2:44: found 61 for min_expires_s, expected at most max_expires_s, 60" },

	/* Diameter */
	{ "cx: {transport: tcp}\n",
	  ":1:17: found \"tcp\" for transport, expected local or diameter" },
	{ CONTROLPLANE "cx: {transport: diameter, address: 192.0.2.1}\n",
	  ":2:5: found transport diameter without identity, expected identity, address and peers" },
	{ CONTROLPLANE "cx: {transport: diameter, identity: a.net, address: 192.0.2.1}\n",
	  ":2:5: found transport diameter without peers, expected identity, address and peers" },
	{ DIAMETER("127.0.0.2", "b.net", "192.0.2.2", "c.net"),
	  ":2:53: found the loopback address 127.0.0.2, expected another: Diameter peers tell each "
	  "other theirs" },
	{ DIAMETER("192.0.2.1", "b.net", "\"::1\"", "c.net"),
	  ":2:99: found the loopback address ::1, expected another: Diameter peers tell each other "
	  "theirs" },
	{ DIAMETER("192.0.2.1", "A.net", "192.0.2.2", "c.net"),
	  ":2:83: found the node's own identity A.net, expected the peer's" },
	{ DIAMETER("192.0.2.1", "b.net", "192.0.2.2", "b.net"),
	  ":2:122: found peer b.net again, expected each identity once" },
};

TEST(config_refused, each_kind_of_error_names_its_place_and_what_was_expected)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char error[512] = "", expected[512] = "f.yaml";
		struct config *config = NULL;

		test_context("row %zu", i);
		strcat(expected, rows[i].error);
		EXPECT_EQ(config_parse("f.yaml", rows[i].text, strlen(rows[i].text), &config, error,
				       sizeof(error)),
			  -EINVAL);
		EXPECT_STREQ(error, expected);
		EXPECT_TRUE(config == NULL);
	}
}

TEST(config_refused, nul_byte_is_refused_where_it_stands)
{
	static const char text[] = "hss:\n  data\0base: /a\n";
	struct config *config = NULL;
	char error[512];

	EXPECT_EQ(config_parse("f.yaml", text, sizeof(text) - 1, &config, error, sizeof(error)),
		  -EINVAL);
	EXPECT_STREQ(error, "f.yaml:2:7: found a NUL byte, expected text in UTF-8");
}

TEST(config_refused, more_than_a_mebibyte_is_refused)
{
	size_t n = (1u << 20) + 1;
	char *text = malloc(n), error[512];
	struct config *config = NULL;

	memset(text, '#', n);
	EXPECT_EQ(config_parse("f.yaml", text, n, &config, error, sizeof(error)), -EFBIG);
	EXPECT_STREQ(error, "f.yaml: found more than 1 MiB, expected a configuration of at most "
			    "1 MiB");
	free(text);
}

TEST(config_refused, more_values_than_any_configuration_has_are_refused)
{
	size_t n = 2 * 5000;
	char *text = malloc(n + 2), error[512];
	struct config *config = NULL;

	text[0] = '[';
	for (size_t i = 0; i < n; i += 2)
		memcpy(text + 1 + i, "1,", 2);
	text[n + 1] = ']';
	EXPECT_EQ(config_parse("f.yaml", text, n + 2, &config, error, sizeof(error)), -EINVAL);
	EXPECT_STREQ(error, "f.yaml:1:8192: found too many values, expected at most 4096");
	free(text);
}

TEST(config_refused, missing_file_is_named)
{
	struct config *config = NULL;
	char error[512];

	EXPECT_EQ(config_load("/nonexistent/f.yaml", &config, error, sizeof(error)), -ENOENT);
	EXPECT_STREQ(error, "/nonexistent/f.yaml: found no readable file (No such file or "
			    "directory), expected a configuration in YAML");
	EXPECT_EQ(config_load("/", &config, error, sizeof(error)), -EISDIR);
}

TEST(config_refused, error_is_cut_to_the_room_there_is)
{
	struct config *config = NULL;
	char error[10] = "123456789";

	EXPECT_EQ(config_parse("f.yaml", "[1]", 3, &config, error, sizeof(error)), -EINVAL);
	EXPECT_STREQ(error, "f.yaml:1:");
}
