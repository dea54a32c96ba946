// A fixed set of threads that run one function each until all are done.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace starter {

class Pool {
 public:
  explicit Pool(int threads) : size_(threads) {
    for (int t = 1; t < threads; t++)
      threads_.emplace_back([this, t] {
        for (long seen = 0;;) {
          std::unique_lock<std::mutex> lock(mutex_);
          start_.wait(lock, [&] { return generation_ != seen || ended_; });
          if (ended_) return;
          seen = generation_;
          auto work = work_;
          lock.unlock();
          work(t);
          lock.lock();
          if (--left_ == 0) done_.notify_one();
        }
      });
  }

  ~Pool() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    start_.notify_all();
    for (std::thread& t : threads_) t.join();
  }

  int size() const { return size_; }

  // run calls work(0) here and work(1) … in the other threads, and returns when
  // all have returned.
  void run(const std::function<void(int)>& work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = work;
      left_ = size_ - 1;
      generation_++;
    }
    start_.notify_all();
    work(0);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [&] { return left_ == 0; });
  }

 private:
  const int size_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;  // guards all below
  std::condition_variable start_, done_;
  std::function<void(int)> work_;
  long generation_ = 0;
  int left_ = 0;
  bool ended_ = false;
};

}  // namespace starter
