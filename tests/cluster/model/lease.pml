/* The lease of a cluster: node 0 serves and beats; node 1 watches the beat, kills, and serves. Answers and requests
 * take as long as they like, and each process may be frozen between any two steps. As in
 * src/server/cluster/lease.cpp and cluster_node.cpp.
 *
 * Checked: node 0 never acts while node 1 serves. Each of the rules below, taken out by its macro, breaks that:
 *
 *   FROM_ANSWER         the lease is counted from the answer to a beat, not from when the beat was sent
 *   UNCONDITIONAL_KILL  a kill does not name the beat that was seen
 *   DEAD_MAY_BEAT       a beat of one that was killed is confirmed
 *   IMPATIENT           a beat that stood still for less than a lease is enough
 */
#define lease 3
#define time_max 9
#define beats_max 3

byte time = 0;
byte beat = 0;
bool is_live = true;
bool serves1 = false;
chan beats = [1] of { byte };    /* sent, with when */
chan answers = [1] of { byte };

#ifdef IMPATIENT
#define patience (lease - 1)
#else
#define patience lease
#endif

proctype clock() {
  do
  :: time < time_max -> time++
  :: time == time_max -> break
  od
}

proctype database() {
  byte sent;
  end: do
  :: beats?sent ->
     atomic {
       if
#ifdef DEAD_MAY_BEAT
       :: true -> beat++; answers!sent
#else
       :: is_live -> beat++; answers!sent
       :: !is_live -> skip
#endif
       fi
     }
  od
}

proctype node0() {
  byte until = lease, sent, count = 0; bool is_waiting = false;    /* the beat before time 0 was confirmed */
  do
  :: !is_waiting && count < beats_max -> atomic { beats!time; count++; is_waiting = true }
  :: answers?sent ->
#ifdef FROM_ANSWER
     until = time + lease;
#else
     until = sent + lease;
#endif
     is_waiting = false
  :: atomic { time < until -> assert(!serves1) }                    /* looks at the lease, and acts */
  :: time == time_max -> break
  od
}

proctype node1() {
  byte seen = 255, since = 0; bool has_killed = false;
  do
  :: has_killed -> serves1 = true; break
  :: !has_killed ->
     atomic {
       if
       :: beat != seen -> seen = beat; since = time
       :: else
       fi
     };
     if
     :: time - since >= patience ->
        atomic {
#ifndef UNCONDITIONAL_KILL
          if
          :: is_live && beat == seen -> is_live = false; has_killed = true
          :: else
          fi
#else
          is_live = false; has_killed = true
#endif
        }
     :: time - since < patience
     fi
  :: time == time_max -> break
  od
}

init { atomic { run clock(); run database(); run node0(); run node1() } }
