# The end A of the loop: configs/loop-a.yaml. Two SAs, mirrored by those of loop-b.cmd. The keys are
# in the script because they protect nothing: where they do, use --key-file.
add sa --zone access --local 10.0.0.1 --peer 10.0.0.2 --integrity hmac-sha-1-96 --key 000102030405060708090a0b0c0d0e0f10111213 --cipher aes-cbc --cipher-key 202122232425262728292a2b2c2d2e2f --in 5063:6000:0x10000001 --out 6001:5063:0x10000002 --registration 1
start
wait link up within 60000

# One packet each says to the other end that the SAs are there. B begins: the side with role=server
# cannot send before the other one has polled.
wait until esp_rx >= 1
generate all count 1

wait idle
generate all size 512 count 10000 rate 20000
wait idle

# 10000 and the first one, and a last one, which says that B has all of ours.
wait until esp_rx >= 10002
show stats
show sa all
wait 500 ms
quit
