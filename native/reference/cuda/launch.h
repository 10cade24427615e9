// One launch of a graph that records events: from the call on they stand for this launch, and each is reached when its node has run.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "reference/cuda/machine.h"

namespace trtnode::reference {

class Launch {
 public:
  explicit Launch(const std::vector<std::shared_ptr<Event>>& events);
  // What was not recorded, as after an error, keeps nobody waiting.
  ~Launch();
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  // Makes this launch what the events were last recorded by.
  void Publish();

  // The work of an event's node: called by the launch that this thread is running.
  static void Reach(const Event& event);

  // Makes a launch the one that this thread runs, for as long as it lives.
  class Current {
   public:
    explicit Current(Launch& launch);
    ~Current();
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

   private:
    Launch* const before_;
  };

 private:
  struct Recording {
    std::shared_ptr<EventRecord> record = std::make_shared<EventRecord>();
    size_t nodes = 0;  // that record the event and have not run yet; the last one counts
  };

  std::map<std::shared_ptr<Event>, Recording> recordings_;
};

}  // namespace trtnode::reference
