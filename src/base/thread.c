/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

struct thread_queue {
	int fd;               /* readable while `first` is set */
	pthread_mutex_t lock; /* protects only first and last */
	struct thread_job *first, *last;
	size_t pending; /* the loop's own count */
	struct thread_queue *next_left;
};

/* Queues that thread_queue_freep() keeps until the process ends; their memory is in use, not leaked. */
static struct thread_queue *left;

int thread_queue_new(struct thread_queue **ret_queue, struct error *err)
{
	CLEANUP(file_closep) int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return error_set(err, -errno, "cannot create an eventfd: %s", strerror(errno));

	struct thread_queue *queue = mem_zalloc(sizeof(*queue));
	pthread_mutex_init(&queue->lock, NULL);
	queue->fd = file_steal(&fd);
	*ret_queue = queue;
	return 0;
}

void thread_queue_freep(struct thread_queue **queue)
{
	struct thread_queue *q = STEAL(*queue);

	if (!q)
		return;
	/* A thread that still runs will post to it: a leak is better than a write to freed memory. */
	if (q->pending > 0) {
		q->next_left = left;
		left = q;
		return;
	}
	pthread_mutex_destroy(&q->lock);
	file_closep(&q->fd);
	mem_freep(&q);
}

int thread_queue_fd(const struct thread_queue *queue)
{
	return queue->fd;
}

/* Writes to the eventfd under the lock: once the lock is free, the loop may take the last job, and a caller
 * that finds no job pending may free the queue. */
static void queue_append(struct thread_queue *queue, struct thread_job *job)
{
	pthread_mutex_lock(&queue->lock);
	job->next = NULL;
	if (queue->last)
		queue->last->next = job;
	else
		queue->first = job;
	queue->last = job;
	eventfd_write(queue->fd, 1);
	pthread_mutex_unlock(&queue->lock);
}

void thread_queue_dispatch(struct thread_queue *queue)
{
	struct thread_job *job;
	eventfd_t ignored;

	pthread_mutex_lock(&queue->lock);
	job = STEAL(queue->first);
	queue->last = NULL;
	eventfd_read(queue->fd, &ignored);
	pthread_mutex_unlock(&queue->lock);

	/* `done` may free its job, start others, and with the last job even free the queue. */
	while (job) {
		struct thread_job *next = job->next;
		if (job->run) {
			pthread_join(job->thread, NULL);
			queue->pending--;
		}
		job->done(job);
		job = next;
	}
}

size_t thread_queue_pending(const struct thread_queue *queue)
{
	return queue->pending;
}

static void *thread_main(void *arg)
{
	struct thread_job *job = arg;

	job->run(job);
	queue_append(job->queue, job);
	return NULL;
}

int thread_start(struct thread_queue *queue, struct thread_job *job, thread_function *run,
	thread_function *done, struct error *err)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int result;

	*job = (struct thread_job){ .run = run, .done = done, .queue = queue };
	result = pthread_attr_init(&attributes);
	if (result == 0) {
		pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE);
		/* The loop handles signals, which it reads from a signalfd. The new thread inherits a mask
		 * that blocks all signals. */
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		result = pthread_create(&job->thread, &attributes, thread_main, job);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		pthread_attr_destroy(&attributes);
	}
	if (result != 0)
		return error_set(err, -EAGAIN, "cannot start a thread: %s", strerror(result));
	/* After pthread_create is early enough: the job may be back already, but only this loop dispatches
	 * it. */
	queue->pending++;
	return 0;
}

void thread_post(struct thread_queue *queue, struct thread_job *message, thread_function *done)
{
	*message = (struct thread_job){ .done = done, .queue = queue };
	queue_append(queue, message);
}
