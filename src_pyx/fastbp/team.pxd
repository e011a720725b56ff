"""A team of threads: see team.h."""

ctypedef void (*Task)(void* job, int thread) noexcept nogil

cdef extern from "team.h" nogil:
    ctypedef struct Team "fastbp_team":
        int threads
    Team* team_start "fastbp_team_start"(int threads, int cores) noexcept
    void team_run "fastbp_team_run"(Team* team, Task task, void* job) noexcept
    void team_barrier "fastbp_barrier"(Team* team) noexcept
    Team* team_here "fastbp_team_here"(Team* team) noexcept
    void team_end "fastbp_team_end"(Team* team) noexcept


cdef inline void meet(Team* team) noexcept nogil:
    """Wait for the other members of the team; alone there is nobody to wait for."""
    if team != NULL:
        team_barrier(team)
